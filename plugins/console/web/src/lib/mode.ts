import { useSyncExternalStore } from "react";

export type Mode = "light" | "dark";

const stored = "apolo.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

/** The mode that the user chose, or that of the system. */
export function currentMode(): Mode {
  const chosen = localStorage.getItem(stored);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

/** Applies the current mode to the style sheets. */
export function showMode(): void {
  document.documentElement.dataset["theme"] = currentMode();
  for (const listener of listeners) listener();
}

export function chooseMode(mode: Mode): void {
  localStorage.setItem(stored, mode);
  showMode();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useMode = (): Mode => useSyncExternalStore(subscribe, currentMode);

system.addEventListener("change", showMode);
addEventListener("storage", (event) => event.key === stored && showMode()); // another tab
