// What a scanner for web applications tries, against the binary that runs: with a session and without.
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Browser } from "@playwright/test";
import { Console, expect, kubectl, test } from "./world.ts";

interface Credentials {
  cookie: string;
  pageKey: string;
}

async function credentialsOf(alice: Console, browser: Browser): Promise<Credentials> {
  const { cookies, origins } = await alice.session(browser);
  const pageKey = origins.flatMap((origin) => origin.localStorage).find((item) => item.name === "apolo.pageKey")!.value;
  return { cookie: cookies.map((cookie) => `${cookie.name}=${cookie.value}`).join("; "), pageKey };
}

/** Sends bytes as they are, and returns all that comes until the server closes, or until enough came. */
function raw(address: string, text: string, enough: (answer: string) => boolean = () => false): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(text, "latin1"));
    socket.setTimeout(45_000, () => reject(new Error(`the connection stays open after ${JSON.stringify(text.slice(0, 200))}`)));
    socket.on("data", (data) => {
      answer += data.toString("latin1");
      if (enough(answer)) socket.destroy();
    });
    socket.on("error", () => resolve(answer)); // it may reset what it does not want to read
    socket.on("close", () => resolve(answer));
  });
}

const status = (answer: string) => Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1] ?? 0);

const api = ["session", "contexts", "secrets", "secrets/x/access", "usable-secrets", "access", "presets", "actions", "jobs", "jobs/x", "jobs/x/log.txt", "nothing"].map((path) => `/api/v1/${path}`);
const pages = ["/", "/dashboard", "/secrets", "/jobs/some.job/log", "/login", "/index.html", "/no-such-page", "/assets/none.js", "/favicon.svg", "/.git/config", "/.vite/manifest.json", "/.env", "/assets", "/assets/", "/server-status.php", "/api", "/api/", "/api/v2/secrets"];
const changing: [string, string, object][] = [
  ["POST", "/api/v1/login", { token: "x" }],
  ["POST", "/api/v1/logout", {}],
  ["POST", "/api/v1/secrets", { key: "forged", value: "eA==" }],
  ["DELETE", "/api/v1/secrets/kept", {}],
  ["POST", "/api/v1/secrets/kept/access", { grantee: "mallory" }],
  ["DELETE", "/api/v1/secrets/kept/access/mallory", {}],
  ["POST", "/api/v1/jobs", { image: "busybox:1", name: "forged" }],
  ["DELETE", "/api/v1/jobs/kept", {}],
];

test("every answer has the headers that protect it, and none tells what serves", async ({ alice, browser, request }) => {
  const { cookie, pageKey } = await credentialsOf(alice, browser);
  const home = await (await request.get(alice.address)).text();
  const files = [...home.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((found) => found[1]!);
  expect(files.length).toBeGreaterThan(3);
  for (const session of [false, true]) {
    for (const path of [...api, ...pages, ...files]) {
      for (const method of ["GET", "HEAD"]) {
        const answer = await request.fetch(alice.address + path, { method, maxRedirects: 0, headers: session ? { cookie, "Apolo-Page-Key": pageKey } : {} });
        const headers = answer.headers();
        const what = `${method} ${path} ${session ? "with" : "without"} a session: ${answer.status()}`;
        expect(answer.status(), what).toBeLessThan(500);
        expect(headers, what).toMatchObject({
          "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
          "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin", "cross-origin-embedder-policy": "require-corp",
        });
        expect(headers["content-security-policy"], what).toMatch(/^default-src 'none'; (?!.*(unsafe|\*|https?:)).*frame-ancestors 'none'/);
        expect(Object.keys(headers).filter((name) => /^(server|x-powered-by|via|access-control-.*|location|set-cookie)$/.test(name)), what).toEqual([]);
        if (path.startsWith("/api/v1/")) {
          expect(headers["cache-control"], what).toBe("no-store");
          expect(headers["content-type"] ?? "", what).toMatch(/^application\/(problem\+)?json/);
          if (!session && path !== "/api/v1/session" && path !== "/api/v1/nothing") expect(answer.status(), what).toBe(401);
        } else if ((headers["content-type"] ?? "").startsWith("text/html")) {
          expect(headers["cache-control"], what).toBe("no-store");
        }
        if (path.startsWith("/.") || path.endsWith(".php")) expect(answer.status(), what).toBe(404);
        if (method === "GET") expect(await answer.text(), what).not.toMatch(/goroutine|runtime error|\.go:\d|root:x:|<title>Index of/);
      }
    }
  }
});

test("no method, path, host or header leads anywhere else", async ({ alice, browser, request }) => {
  const { cookie, pageKey } = await credentialsOf(alice, browser);
  const host = new URL(alice.address).host;
  for (const method of ["TRACE", "TRACK", "OPTIONS", "PUT", "PATCH", "PROPFIND", "MKCOL", "DEBUG"]) {
    for (const path of ["/", "/assets/none.js", "/api/v1/secrets", "/api/v1/jobs/x", "/api/v1/login"]) {
      const answer = await raw(alice.address, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${alice.address}\r\nCookie: ${cookie}\r\nApolo-Page-Key: ${pageKey}\r\nX-Echo: marker-7f3a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      expect(status(answer), `${method} ${path}`).toBeGreaterThanOrEqual(400);
      expect(answer, `${method} ${path}`).not.toContain("marker-7f3a");
    }
  }
  for (const path of ["/../../../../etc/passwd", "/assets/../../../../../etc/passwd", "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd", "/assets/..\\..\\..\\etc\\passwd",
    "/assets/....//....//etc/passwd", "/assets/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd", "/assets/..;/..;/etc/passwd", "//etc/passwd", "/etc/passwd%00.js", "/assets/%252e%252e/%252e%252e/etc/passwd.js", "/proc/self/environ.txt", "file:///etc/passwd"]) {
    const answer = await raw(alice.address, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer, path).not.toMatch(/root:x:|KUBECONFIG=/);
    expect(status(answer), path).toBeLessThan(500);
  }
  for (const path of ["//evil.example/", "/\\evil.example", "/%2f%2fevil.example", "/?next=//evil.example", "//evil.example/%2e%2e", "/dashboard/..//evil.example", "/api/v1/..//evil.example", "http://evil.example/"]) {
    const answer = await raw(alice.address, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(/^location: *(.*)$/im.exec(answer)?.[1] ?? "/", `${path} leads to another site`).toMatch(/^\/(?![/\\])/);
  }
  for (const [name, lines] of Object.entries({
    "another host": "Host: evil.example\r\n", "two hosts": `Host: ${host}\r\nHost: evil.example\r\n`, "no host": "", "a user before it": `Host: evil.example@${host}\r\n`, "a list": `Host: ${host},evil.example\r\n`, "a space": `Host: ${host} evil.example\r\n`,
  })) {
    const answer = await raw(alice.address, `GET / HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
    expect([400, 421], `${name}: ${answer.slice(0, 100)}`).toContain(status(answer));
    expect(answer, name).not.toContain("evil.example");
  }
  const forwarded = await request.get(`${alice.address}/`, { headers: { "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "1.2.3.4", "X-Original-URL": "/api/v1/secrets", "X-Rewrite-URL": "/api/v1/secrets", Forwarded: "host=evil.example" } });
  expect(await forwarded.text()).not.toContain("evil.example");
  expect(forwarded.headers()["content-type"]).toContain("text/html");
});

test("what a request says does not come back as markup, and the page is the same for everybody", async ({ alice, browser, request }) => {
  const { cookie, pageKey } = await credentialsOf(alice, browser);
  const markup = "<script>marker_7f3a</script>";
  for (const path of [`/${encodeURIComponent(markup)}`, `/?q=${encodeURIComponent(markup)}`, `/jobs/${encodeURIComponent(markup)}`, `/${encodeURIComponent(markup)}.js`,
    `/api/v1/${encodeURIComponent(markup)}`, `/api/v1/secrets?cluster=${encodeURIComponent(markup)}`, `/api/v1/jobs/${encodeURIComponent(markup)}`, `/api/v1/secrets?namespace=${encodeURIComponent(markup)}`]) {
    const answer = await request.get(alice.address + path, { headers: { cookie, "Apolo-Page-Key": pageKey } });
    const text = await answer.text();
    if ((answer.headers()["content-type"] ?? "").startsWith("text/html")) expect(text, path).not.toContain("marker_7f3a");
    else expect(answer.headers()["content-type"], path).toBe("application/problem+json");
    expect(text, path).not.toContain("<script>marker");
  }
  const [first, second] = await Promise.all([request.get(alice.address, { headers: { cookie } }), request.get(alice.address)]);
  const withoutNonce = (text: string) => text.replaceAll(/nonce="[A-Z0-9]+"/g, "");
  expect(withoutNonce(await first.text())).toBe(withoutNonce(await second.text()));
});

test("nothing is changed from another page, nor without the session", async ({ alice, browser, request }) => {
  const { cookie, pageKey } = await credentialsOf(alice, browser);
  const own = { Origin: alice.address, cookie, "Apolo-Page-Key": pageKey };
  const kept = await request.post(`${alice.address}/api/v1/secrets`, { headers: own, data: { key: "kept", value: "eA==", overwrite: true } });
  expect(kept.status()).toBe(201);
  for (const [method, path, data] of changing) {
    for (const [name, headers, wanted] of [
      ["another site", { ...own, Origin: "http://evil.example" }, 403], ["a sandbox", { ...own, Origin: "null" }, 403], ["another port", { ...own, Origin: "http://127.0.0.1:1" }, 403],
      ["no origin", { cookie, "Apolo-Page-Key": pageKey }, 403], ["cross-site by its metadata", { ...own, "Sec-Fetch-Site": "cross-site" }, 403],
      ["another site, as text", { ...own, Origin: "http://evil.example", "Content-Type": "text/plain" }, 403], ["the method in a header", { ...own, Origin: "http://evil.example", "X-HTTP-Method-Override": method }, 403],
      ["the cookie alone", { Origin: alice.address, cookie }, 401], ["no session", { Origin: alice.address }, 401],
    ] as [string, Record<string, string>, number][]) {
      const answer = await request.fetch(alice.address + path, { method, data, headers });
      const open = /log(in|out)$/.test(path) && wanted === 401; // they need no session; a login with a wrong token is refused
      expect(open ? [204, 401] : [wanted], `${method} ${path} from ${name}: ${answer.status()}`).toContain(answer.status());
      expect(Object.keys(answer.headers()).filter((header) => header.startsWith("access-control")), name).toEqual([]);
    }
    const preflight = await request.fetch(alice.address + path, { method: "OPTIONS", headers: { Origin: "http://evil.example", "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "apolo-page-key" } });
    expect(preflight.status()).toBeGreaterThanOrEqual(400);
    expect(Object.keys(preflight.headers()).filter((header) => header.startsWith("access-control"))).toEqual([]);
  }
  const listed = await (await request.get(`${alice.address}/api/v1/secrets`, { headers: own })).text();
  expect(listed).toContain('"kept"');
  expect(listed).not.toContain("forged");
  expect(kubectl("alice", ["-n", alice.namespace, "get", "jobs", "-o", "name"])).not.toContain("forged");
  expect(await (await request.get(`${alice.address}/api/v1/secrets/kept/access`, { headers: own })).text()).not.toContain("mallory");
  expect((await request.delete(`${alice.address}/api/v1/secrets/kept`, { headers: own })).status()).toBe(204);
});

test("requests that are no requests are refused, and end", async ({ alice }) => {
  const host = new URL(alice.address).host;
  const head = `POST /api/v1/login HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${alice.address}\r\n`;
  const hidden = `GET /api/v1/session HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  // Who dribbles a header, or never ends one, is not waited for. It takes ten seconds, so that it begins first.
  const slow = Promise.all([raw(alice.address, ""), raw(alice.address, "GET / HT"), raw(alice.address, `${head}X-Slow: `)].map((open) => open.then((answer) => expect([0, 400, 408]).toContain(status(answer)))));
  for (const [name, text, wanted] of [
    ["two lengths", `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${hidden}`, [400]],
    ["a length and chunks", `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, [411]],
    ["chunks", `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, [411]],
    ["chunks by another name", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`, [400, 501]],
    ["chunks twice", `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`, [400, 411, 501]],
    ["a space before the colon", `${head}Content-Length : 5\r\n\r\n0\r\n\r\n${hidden}`, [400]],
    ["a negative length", `${head}Content-Length: -1\r\n\r\n${hidden}`, [400]],
    ["a length with a sign", `${head}Content-Length: +5\r\n\r\n0\r\n\r\n${hidden}`, [400]],
    ["a control character in a header", `GET / HTTP/1.1\r\nHost: ${host}\r\nX: a\u0000b\r\n\r\n`, [400]],
    ["another version", `GET / HTTP/3.7\r\nHost: ${host}\r\n\r\n`, [400, 505]],
    ["no HTTP", `${"\u0016\u0003\u0001"}hello\r\n\r\n`, [0, 400]],
    ["a header without end", `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${"a".repeat(200_000)}\r\n\r\n`, [431]],
    ["a thousand headers of a hundred", `GET / HTTP/1.1\r\nHost: ${host}\r\n${Array.from({ length: 1000 }, (_, i) => `X-${i}: ${"a".repeat(100)}\r\n`).join("")}\r\n`, [431]],
    ["an endless address", `GET /${"a".repeat(200_000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [414, 431]],
    ["a body of a gigabyte", `${head}Content-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n${"x".repeat(600_000)}`, [0, 413]],
  ] as [string, string, number[]][]) {
    const answer = await raw(alice.address, text);
    expect(wanted, `${name}: ${answer.slice(0, 120)}`).toContain(status(answer));
    expect(answer.match(/HTTP\/1\.1 \d/g)?.length ?? 0, `${name}: one answer at most`).toBeLessThanOrEqual(1);
  }
  await slow;
  expect((await fetch(`${alice.address}/healthz`)).status).toBe(200);
});

test("WebSockets take no foreign page, no flood and no flood of bytes", async ({ alice, browser }) => {
  const page = await alice.open(browser, "/dashboard");
  await expect(page.getByRole("button", { name: "RUN A JOB: Terminal" })).toBeVisible();
  /** Opens sockets in the page, sends something on each, and tells how they ended: with a code, or still open. */
  const open = (count: number, path: string, send: string, keyed = true) =>
    page.evaluate(async ({ count, path, send, keyed }) => {
      const key = localStorage.getItem("apolo.pageKey")!;
      const sockets = Array.from({ length: count }, () => new WebSocket(`ws://${location.host}/api/v1${path}`, keyed ? ["apolo.console", key] : ["apolo.console"]));
      const first = await Promise.all(sockets.map((socket) => new Promise<string>((resolve) => {
        socket.onclose = (event) => resolve(`closed ${event.code}`);
        socket.onopen = () => {
          if (send === "large") socket.send("x".repeat(1 << 20));
          else resolve("open");
        };
      })));
      const closed = sockets.map((socket) => (socket.readyState === WebSocket.CLOSED ? undefined : new Promise((resolve) => (socket.onclose = resolve))));
      for (const socket of sockets) socket.close();
      await Promise.all(closed);
      return first;
    }, { count, path, send, keyed });
  expect(await open(1, "/jobs/events", "", false), "without the page's key").toEqual(["closed 1006"]);
  const large = await open(1, "/jobs/x/terminal", "large");
  expect(large[0], "a message of a megabyte ends the connection").toMatch(/^closed (1000|1006|1008|1009)$/);
  const many = await open(50, "/jobs/events", "");
  expect(many.filter((end) => end === "open").length).toBeGreaterThan(0);
  expect(many.filter((end) => end === "open").length, "of 50 at once, 32 are for one session").toBeLessThanOrEqual(32);
  await expect(async () => expect(await open(1, "/jobs/events", "")).toEqual(["open"])).toPass();
  await page.close();
});

test("another site can't frame it, read it, use it, nor talk to its WebSockets", async ({ alice, browser }) => {
  // localhost at another port: same site for cookies, and another origin.
  const evil = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(`<!doctype html><title>evil</title><iframe id=frame src="${alice.address}/dashboard"></iframe>`));
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
  try {
    const context = await browser.newContext({ storageState: await alice.session(browser) });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
    await expect.poll(() => page.frames()[1]?.url() ?? "").toContain("chrome-error://");
    const tried = await page.evaluate(async (address) => {
      const outcome = (request: Promise<Response>) => request.then((response) => `${response.type} ${response.status}`, () => "failed");
      const socket = new Promise<string>((resolve) => {
        const socket = new WebSocket(`${address.replace("http", "ws")}/api/v1/jobs/events`, ["apolo.console", "x"]);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("closed");
      });
      const script = new Promise<string>((resolve) => {
        const element = document.createElement("script");
        element.src = `${address}/api/v1/secrets`;
        element.onload = () => resolve("loaded");
        element.onerror = () => resolve("failed");
        document.head.append(element);
      });
      return {
        read: await outcome(fetch(`${address}/api/v1/session`, { credentials: "include" })),
        blind: await outcome(fetch(`${address}/api/v1/session`, { credentials: "include", mode: "no-cors" })),
        form: await outcome(fetch(`${address}/api/v1/secrets`, { method: "POST", credentials: "include", mode: "no-cors", body: `{"key":"forged","value":"eA=="}` })),
        json: await outcome(fetch(`${address}/api/v1/secrets`, { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: `{"key":"forged","value":"eA=="}` })),
        script: await script,
        socket: await socket,
      };
    }, alice.address);
    expect(tried).toEqual({ read: "failed", blind: "failed", form: "failed", json: "failed", script: "failed", socket: "closed" });
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.evaluate((address) => void ((window as { opened?: Window | null }).opened = window.open(`${address}/dashboard`)), alice.address)]);
    await popup.waitForLoadState();
    expect(await page.evaluate(() => (window as { opened?: Window | null }).opened?.closed), "the opener loses hold of it").toBe(true);
    await context.close();
    expect(kubectl("alice", ["-n", alice.namespace, "get", "secrets", "-o", "name"])).not.toContain("forged");
  } finally {
    evil.close();
  }
});

test("the cookie is for this page alone, and worth nothing after logging out; what was typed is in no output", async ({ browser, request }) => {
  const alice = await Console.start("alice"); // another than the other tests log in to
  const login = await request.post(`${alice.address}/api/v1/login`, { headers: { Origin: alice.address }, data: { token: "not-the-token-7f3a" } });
  expect(login.status()).toBe(401);
  expect(login.headers()["set-cookie"]).toBeUndefined();
  const { cookies } = await alice.session(browser);
  expect(cookies.map(({ httpOnly, sameSite, domain, path, expires }) => ({ httpOnly, sameSite, domain, path, expires }))).toEqual([{ httpOnly: true, sameSite: "Strict", domain: "127.0.0.1", path: "/", expires: -1 }]);
  const { cookie, pageKey } = await credentialsOf(alice, browser);
  const own = { Origin: alice.address, cookie, "Apolo-Page-Key": pageKey };
  const secret = await request.post(`${alice.address}/api/v1/secrets`, { headers: own, data: { key: "canary", value: Buffer.from("canary-7f3a").toString("base64") } });
  expect(secret.status()).toBe(201);
  for (const path of api) {
    const text = await (await request.get(alice.address + path, { headers: own })).text();
    expect(text, path).not.toContain("canary-7f3a");
    expect(text, path).not.toContain(Buffer.from("canary-7f3a").toString("base64"));
  }
  expect((await request.delete(`${alice.address}/api/v1/secrets/canary`, { headers: own })).status()).toBe(204);
  const out = await request.post(`${alice.address}/api/v1/logout`, { headers: own });
  expect(out.status()).toBe(204);
  expect(out.headers()["set-cookie"]).toMatch(/Max-Age=0/);
  expect((await request.get(`${alice.address}/api/v1/secrets`, { headers: own })).status()).toBe(401);
  for (const written of [cookie.split("=")[1]!, pageKey, "canary-7f3a", "not-the-token-7f3a"]) expect(alice.output).not.toContain(written);
  alice.stop();
});
