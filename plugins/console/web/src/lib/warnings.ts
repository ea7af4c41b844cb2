import { useSyncExternalStore } from "react";

/** What the cluster, or the Console, warned of and the user has not closed yet. */
let open: readonly string[] = [];
const told = new Set<string>();
const listeners = new Set<() => void>();
const longest = 10;

function set(next: readonly string[]): void {
  open = next;
  for (const listener of listeners) listener();
}

export function warn(text: string): void {
  told.add(text);
  if (!open.includes(text)) set([...open, text].slice(-longest));
}

export const closeWarnings = (): void => set([]);

/** Takes the warnings of an answer. What is only asked for comes again and again, so its warnings are told once. */
export function takeWarnings(header: string | null, asksOnly: boolean): void {
  for (const part of header?.split(",") ?? []) {
    const text = decodeURIComponent(part.trim());
    if (text !== "" && !(asksOnly && told.has(text))) warn(text);
  }
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useWarnings = (): readonly string[] => useSyncExternalStore(subscribe, () => open);
