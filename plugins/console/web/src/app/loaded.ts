import { type ComponentType, lazy, type LazyExoticComponent } from "react";

type Load<P> = () => Promise<{ default: ComponentType<P> }>;

/** A part of the page that is loaded when it is needed, or when the browser has nothing else to do.
 *  A request that breaks off is made again. */
export function loaded<P>(load: Load<P>): LazyExoticComponent<ComponentType<P>> {
  const again = (left: number): ReturnType<Load<P>> =>
    load().catch((error: unknown) => {
      if (left === 0) throw error;
      return new Promise<void>((resume) => setTimeout(resume, 300)).then(() => again(left - 1));
    });
  const get = () => again(3);
  waiting.push(() => void get().catch(() => undefined));
  return lazy(get);
}

const waiting: (() => void)[] = [];

/** Loads in idle moments what the next click may need. */
export function loadAhead(): void {
  const next = () => {
    waiting.shift()?.();
    if (waiting.length > 0) idle(next);
  };
  idle(next);
}

function idle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 2_000 });
  else setTimeout(run, 200);
}
