import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { prefetch, forgetPrefetched, hasPrefetched, needs, pageKey, takePrefetched } from "./prefetch";

const at = (path: string) => new URL(path, "http://127.0.0.1:8080");
const request = (path: string, method = "GET") => new Request(at(path), { method });

describe("prefetch", () => {
  const fetched = vi.fn<typeof fetch>((address) => Promise.resolve(new Response(address as string)));
  beforeEach(() => {
    vi.stubGlobal("fetch", fetched);
    pageKey.set("the page's");
  });
  afterEach(() => {
    forgetPrefetched();
    fetched.mockClear();
    localStorage.clear();
    sessionStorage.clear();
    vi.unstubAllGlobals();
  });

  it("requests what the page at the address needs, with the page's key, at its place", async () => {
    prefetch(at("/secrets?cluster=c&namespace=team+a"));
    expect(fetched.mock.calls.map(([address]) => address)).toEqual([
      "/api/v1/session",
      "/api/v1/contexts?cluster=c&namespace=team+a",
      "/api/v1/secrets?cluster=c&namespace=team+a",
    ]);
    expect(fetched.mock.calls[2]![1]).toEqual({ headers: { "Apolo-Page-Key": "the page's" } });
    const answer = takePrefetched(request("/api/v1/secrets?cluster=c&namespace=team+a"));
    expect(await (await answer)!.text()).toBe("/api/v1/secrets?cluster=c&namespace=team+a");
  });

  it("returns each response once, and only for the same request", () => {
    prefetch(at("/dashboard"));
    expect(takePrefetched(request("/api/v1/session", "POST"))).toBeUndefined();
    expect(takePrefetched(request("/api/v1/contexts?cluster=&namespace=other"))).toBeUndefined();
    expect(takePrefetched(request("/api/v1/session"))).toBeDefined();
    expect(takePrefetched(request("/api/v1/session"))).toBeUndefined();
    expect(hasPrefetched()).toBe(true);
    forgetPrefetched();
    expect(takePrefetched(request("/api/v1/actions?cluster=&namespace="))).toBeUndefined();
  });

  it("requests nothing without a session or with a login link", () => {
    pageKey.drop();
    prefetch(at("/dashboard"));
    pageKey.set("old");
    prefetch(at("/#token=new"));
    expect(fetched).not.toHaveBeenCalled();
  });

  it("knows each page", () => {
    expect(needs("/")).toEqual(needs("/dashboard"));
    expect(needs("/jobs/train")).toEqual(["/contexts"]);
  });
});
