import { useSyncExternalStore } from "react";

/** The warnings of the cluster or the Console that the user has not dismissed. */
let open: readonly string[] = [];
const seenBefore = new Set<string>();
const listeners = new Set<() => void>();
const maxWarnings = 10;

function set(next: readonly string[]): void {
  open = next;
  for (const listener of listeners) listener();
}

export function warn(text: string): void {
  seenBefore.add(text);
  if (!open.includes(text)) set([...open, text].slice(-maxWarnings));
}

export const closeWarnings = (): void => set([]);

/** Shows the warnings of a response. A read is repeated again and again, so its warnings are shown once. */
export function takeWarnings(header: string | null, asksOnly: boolean): void {
  for (const part of header?.split(",") ?? []) {
    const text = decodeURIComponent(part.trim());
    if (text !== "" && !(asksOnly && seenBefore.has(text))) warn(text);
  }
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useWarnings = (): readonly string[] => useSyncExternalStore(subscribe, () => open);
