import { type QueryClient, queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { usePlace } from "../app/place";
import { applyFrame } from "../lib/jobList";
import { needs } from "../lib/prefetch";
import { api, unwrap, type Job, type JobsFrame, type Place, socketAddress, stillLoggedIn } from "./client";
import { ReconnectingSocket } from "./socket";

/** The cache key of a query. */
export const key = (what: string, place: Place, ...more: string[]) => [what, place.cluster, place.namespace, ...more];

const contexts = (place: Place) =>
  queryOptions({
    queryKey: key("contexts", place),
    queryFn: ({ signal }) => unwrap(api.GET("/contexts", { params: { query: place }, signal })),
    staleTime: 60_000,
  });

const secrets = (place: Place) =>
  queryOptions({
    queryKey: key("secrets", place),
    queryFn: ({ signal }) => unwrap(api.GET("/secrets", { params: { query: place }, signal })),
  });

const presets = (place: Place) =>
  queryOptions({
    queryKey: key("presets", place),
    queryFn: ({ signal }) => unwrap(api.GET("/presets", { params: { query: place }, signal })),
    staleTime: 60_000,
  });

const actions = (place: Place) =>
  queryOptions({
    queryKey: key("actions", place),
    queryFn: ({ signal }) => unwrap(api.GET("/actions", { params: { query: place }, signal })),
    staleTime: 60_000,
  });

/** Puts the prefetched responses into the cache before the first render. */
export function takeAnswers(queries: QueryClient, path: string, place: Place): Promise<unknown> {
  const fetching: Record<string, () => Promise<void>> = {
    "/contexts": () => queries.prefetchQuery(contexts(place)),
    "/secrets": () => queries.prefetchQuery(secrets(place)),
    "/presets": () => queries.prefetchQuery(presets(place)),
    "/actions": () => queries.prefetchQuery(actions(place)),
  };
  return Promise.all(needs(path).map((what) => fetching[what]!()));
}

export const useContexts = () => useQuery({ ...contexts(usePlace()), placeholderData: (old) => old });
export const useSecrets = () => useQuery(secrets(usePlace()));
export const usePresets = () => useQuery(presets(usePlace()));
export const useActions = () => useQuery(actions(usePlace()));

export function useGrants(secret: string) {
  const place = usePlace();
  return useQuery({
    queryKey: key("grants", place, secret),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/secrets/{key}/access", { params: { path: { key: secret }, query: place }, signal })),
    staleTime: 0,
  });
}

/** The leftovers of deleted jobs; fetched again when the number of jobs changes. */
export function useLeftovers(jobs: number | undefined) {
  const place = usePlace();
  return useQuery({
    queryKey: key("leftovers", place, String(jobs)),
    queryFn: ({ signal }) => unwrap(api.GET("/leftovers", { params: { query: place }, signal })),
    enabled: jobs !== undefined,
    placeholderData: (old) => old,
  });
}

export function useAccess() {
  const place = usePlace();
  return useQuery({
    queryKey: key("access", place),
    queryFn: ({ signal }) => unwrap(api.GET("/access", { params: { query: place }, signal })),
  });
}

export function useUsableSecrets(enabled: boolean) {
  const place = usePlace();
  return useQuery({
    queryKey: key("usable", place),
    queryFn: ({ signal }) => unwrap(api.GET("/usable-secrets", { params: { query: place }, signal })),
    enabled,
  });
}

export function useJob(name: string, version: string) {
  const place = usePlace();
  const queries = useQueryClient();
  // A change in the list of jobs also concerns the page of the job.
  useEffect(() => {
    if (version) void queries.invalidateQueries({ queryKey: key("job", place, name) });
  }, [version, queries, place, name]);
  return useQuery({
    queryKey: key("job", place, name),
    queryFn: ({ signal }) => unwrap(api.GET("/jobs/{name}", { params: { path: { name }, query: place }, signal })),
  });
}

export interface LiveJobs {
  /** Undefined until the first list is there. */
  jobs: Job[] | undefined;
  /** Why there are no updates at the moment; the jobs are then the last known ones. */
  trouble: string;
}

/** The live list of jobs of one place: one WebSocket, however many components subscribe. */
class JobFeed {
  private now: LiveJobs = { jobs: undefined, trouble: "" };
  private readonly listeners = new Set<() => void>();
  private socket: ReconnectingSocket | undefined;
  private ending: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly place: Place) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    clearTimeout(this.ending);
    this.socket ??= this.open();
    return () => {
      this.listeners.delete(listener);
      // Another part of the page may subscribe in a moment.
      if (this.listeners.size === 0) {
        this.ending = setTimeout(() => {
          this.socket?.close();
          this.socket = undefined;
          this.now = { jobs: undefined, trouble: "" };
        }, 2_000);
      }
    };
  };

  readonly snapshot = () => this.now;

  private open(): ReconnectingSocket {
    return new ReconnectingSocket(...socketAddress("/jobs/events", this.place), {
      message: (message) => {
        const frame = message as JobsFrame;
        if (frame.type === "trouble")
          this.set({ jobs: this.now.jobs, trouble: frame.error ?? "The cluster is not responding." });
        else this.set({ jobs: applyFrame(this.now.jobs, frame), trouble: "" });
      },
      lost: () => {
        if (this.now.trouble === "")
          this.set({ jobs: this.now.jobs, trouble: "Connection to the Console's server lost. Reconnecting…" });
      },
      mayRetry: stillLoggedIn,
    });
  }

  private set(now: LiveJobs): void {
    this.now = now;
    for (const listener of this.listeners) listener();
  }
}

const feeds = new Map<string, JobFeed>();

export function useLiveJobs(): LiveJobs {
  const place = usePlace();
  const id = JSON.stringify(place);
  let feed = feeds.get(id);
  if (!feed) feeds.set(id, (feed = new JobFeed(place)));
  return useSyncExternalStore(feed.subscribe, feed.snapshot);
}
