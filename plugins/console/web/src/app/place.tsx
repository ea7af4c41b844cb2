import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useMemo } from "react";
import { useLocation, useSearch } from "wouter";
import type { Place } from "../api/client";
import { placeOf, rememberPlace } from "../lib/places";

interface Scope {
  /** Empty names mean the current ones of the kubeconfig. */
  place: Place;
  move(to: Place): void;
  /** Returns the address of a page at the same place. */
  at(path: string): string;
}

const Context = createContext<Scope>({
  place: { cluster: "", namespace: "" },
  move: () => undefined,
  at: (path) => path,
});
export const useScope = () => useContext(Context);
export const usePlace = () => useContext(Context).place;

/** Keeps the cluster and the namespace in the address, so that a page can be reloaded and bookmarked. */
export function PlaceProvider({ children }: { children: ReactNode }) {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const queries = useQueryClient();
  const place = useMemo(() => placeOf(search), [search]);
  const at = useCallback((to: string) => to + suffix(place), [place]);
  const move = useCallback(
    (to: Place) => {
      rememberPlace(to);
      void queries.cancelQueries();
      navigate((path.startsWith("/jobs/") ? "/jobs" : path) + suffix(to));
    },
    [navigate, path, queries],
  );
  const value = useMemo(() => ({ place, move, at }), [place, move, at]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

function suffix(place: Place): string {
  const query = new URLSearchParams();
  if (place.cluster) query.set("cluster", place.cluster);
  if (place.namespace) query.set("namespace", place.namespace);
  const text = query.toString();
  return text && `?${text}`;
}
