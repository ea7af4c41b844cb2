import { placeOf } from "./places";

// The data of the first page is requested before its code is loaded, so that both arrive at the same time.

export const base = "/api/v1";
const keyName = "apolo.pageKey";

/** The part of the session that only this page has; see docs/console-api.md. */
export const pageKey = {
  get: () => localStorage.getItem(keyName) ?? "",
  set: (key: string) => localStorage.setItem(keyName, key),
  drop: () => localStorage.removeItem(keyName),
};

const pending = new Map<string, Promise<Response>>();

/** The data that a page shows first. */
export function needs(path: string): string[] {
  if (path === "/" || path === "/dashboard") return ["/contexts", "/actions", "/presets"];
  if (path === "/secrets") return ["/contexts", "/secrets"];
  return ["/contexts"];
}

/** Requests the session and the data of the page at this address; with a login link nothing, as login comes first. */
export function prefetch(at: Pick<Location, "pathname" | "search" | "hash">): void {
  const key = pageKey.get();
  if (!key || at.hash.includes("token=")) return;
  const query = new URLSearchParams(placeOf(at.search) as unknown as Record<string, string>).toString();
  for (const address of [`${base}/session`, ...needs(at.pathname).map((path) => `${base}${path}?${query}`)]) {
    const answer = fetch(address, { headers: { "Apolo-Page-Key": key } });
    answer.catch(() => undefined); // reported to the caller that takes it
    pending.set(address, answer);
  }
}

/** The response to a request that was made early. It is returned once; the next request is sent. */
export function takePrefetched(request: Request): Promise<Response> | undefined {
  if (request.method !== "GET" || pending.size === 0) return undefined;
  const { pathname, search } = new URL(request.url);
  const answer = pending.get(pathname + search);
  pending.delete(pathname + search);
  return answer;
}

/** Whether there are early responses that nobody has taken. */
export const hasPrefetched = () => pending.size > 0;

/** Drops the responses that nobody took. */
export function forgetPrefetched(): void {
  pending.clear();
}
