import { placeOf } from "./places";

// What the first page needs is asked for before its code is there: the answers come while a browser reads that.

export const base = "/api/v1";
const keyName = "apolo.pageKey";

/** The part of the session that only this page has; see docs/console-api.md. */
export const pageKey = {
  get: () => localStorage.getItem(keyName) ?? "",
  set: (key: string) => localStorage.setItem(keyName, key),
  drop: () => localStorage.removeItem(keyName),
};

const asked = new Map<string, Promise<Response>>();

/** What a page shows at first. */
export function needs(path: string): string[] {
  if (path === "/" || path === "/dashboard") return ["/contexts", "/actions", "/presets"];
  if (path === "/secrets") return ["/contexts", "/secrets"];
  return ["/contexts"];
}

/** Asks for the session, and for what the page at this address needs. Who comes with a link logs in first. */
export function prefetch(at: Pick<Location, "pathname" | "search" | "hash">): void {
  const key = pageKey.get();
  if (!key || at.hash.includes("token=")) return;
  const query = new URLSearchParams(placeOf(at.search) as unknown as Record<string, string>).toString();
  for (const address of [`${base}/session`, ...needs(at.pathname).map((path) => `${base}${path}?${query}`)]) {
    const answer = fetch(address, { headers: { "Apolo-Page-Key": key } });
    answer.catch(() => undefined); // who takes it finds out
    asked.set(address, answer);
  }
}

/** The answer to a request that was made early. It is given once: the next one is asked anew. */
export function takePrefetched(request: Request): Promise<Response> | undefined {
  if (request.method !== "GET" || asked.size === 0) return undefined;
  const { pathname, search } = new URL(request.url);
  const answer = asked.get(pathname + search);
  asked.delete(pathname + search);
  return answer;
}

/** Whether anything was asked for early and is not taken yet. */
export const hasPrefetched = () => asked.size > 0;

/** Forgets what nobody took. */
export function forgetPrefetched(): void {
  asked.clear();
}
