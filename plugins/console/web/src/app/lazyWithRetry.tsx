import { type ComponentType, type ReactNode, useEffect, useState } from "react";

export type LazyPart<P> = ComponentType<P> & { load(): Promise<void> };

type Get<P> = () => Promise<{ default: ComponentType<P> }>;

/** A part of the page whose code is loaded when it is needed, or when the browser has nothing else to do. A request
 *  that breaks off is made again. React's lazy does nearly the same, but holds back for 300 ms what
 *  follows a placeholder. What can come later waits until the page shows what it is for. */
export function lazyWithRetry<P extends object>(
  get: Get<P>,
  placeholder: ReactNode = null,
  { later = false } = {},
): LazyPart<P> {
  let ready: ComponentType<P> | undefined;
  const again = (left: number): Promise<void> =>
    get().then(
      (module) => void (ready = module.default),
      (error: unknown) => {
        if (left === 0) throw error;
        return new Promise<void>((resume) => setTimeout(resume, 300)).then(() => again(left - 1));
      },
    );
  const load = () => (ready ? Promise.resolve() : again(3));
  waiting.push(() => void load().catch(() => undefined));

  function Part(props: P) {
    const [state, setState] = useState<{ part?: ComponentType<P>; error?: Error }>({ part: ready });
    useEffect(() => {
      if (state.part) return;
      let gone = false;
      const begin = () =>
        load().then(
          () => gone || setState({ part: ready }),
          (error: unknown) => gone || setState({ error: error instanceof Error ? error : new Error(String(error)) }),
        );
      if (later) whenShown(() => idle(() => void begin()));
      else void begin();
      return () => {
        gone = true;
      };
    }, [state.part]);
    if (state.error) throw state.error;
    return state.part ? <state.part {...props} /> : placeholder;
  }
  return Object.assign(Part, { load });
}

/** A part that is made of Material UI, whose code comes with it: the first page is there before. */
export function withMui<P extends object>(get: Get<P>): Get<P> {
  return async () => {
    const [{ default: Part }, { Mui }] = await Promise.all([get(), import("../components/ui/Mui")]);
    return {
      default: (props) => (
        <Mui>
          <Part {...props} />
        </Mui>
      ),
    };
  };
}

const waiting: (() => void)[] = [];

let shown = false;
const afterwards: (() => void)[] = [];

/** Says that the page shows what it is for. */
export function nowShown(): void {
  shown = true;
  for (const run of afterwards.splice(0)) run();
}

function whenShown(run: () => void): void {
  if (shown) run();
  else afterwards.push(run);
}

/** Loads in idle moments what the next click may need. */
export function loadInIdleTime(): void {
  const next = () => {
    waiting.shift()?.();
    if (waiting.length > 0) idle(next);
  };
  idle(next);
}

function idle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 1_000 });
  else setTimeout(run, 200);
}
