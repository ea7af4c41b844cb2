import { type ComponentType, type ReactNode, useEffect, useState } from "react";

export type LazyPart<P> = ComponentType<P> & { load(): Promise<void> };

type Get<P> = () => Promise<{ default: ComponentType<P> }>;

/** A component whose code is loaded when it is rendered, or when the browser is idle. A failed request is retried.
 *  React's lazy is similar, but delays whatever follows a placeholder by 300 ms. With `later`, loading waits until the
 *  page shows its main content. */
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
      if (later) afterShown(() => idle(() => void begin()));
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

/** A component that uses Material UI, which is loaded with it and so does not delay the first page. */
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

/** Marks that the page shows its main content. */
export function markShown(): void {
  shown = true;
  for (const run of afterwards.splice(0)) run();
}

function afterShown(run: () => void): void {
  if (shown) run();
  else afterwards.push(run);
}

/** Loads the code that the next click may need while the browser is idle. */
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
