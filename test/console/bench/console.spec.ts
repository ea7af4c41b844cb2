// Measures how quickly the Console's page is there, for 'make bench', which starts this with
//   CONSOLE        the binary
//   KUBECONFIG     of a user with a namespace full of secrets
//   SECRETS        how many there are
//   REFRESHES      how often its list is asked for again, to see what memory does
//   RESULT         the file to write the figures to, in milliseconds and bytes
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, type CDPSession, expect, test } from "@playwright/test";

const runs = 11;

declare global {
  interface Window {
    /** When what the page waits for was painted, by its own clock, which begins with the navigation. */
    seen: Record<string, number>;
  }
}

/** Notes in the page itself when something is first there, so that asking takes no time. */
function observe(wanted: Record<string, string>): void {
  window.seen = {};
  const look = () => {
    for (const [name, selector] of Object.entries(wanted)) {
      if (!(name in window.seen) && document.querySelector(selector)) {
        window.seen[name] = 0;
        requestAnimationFrame(() => setTimeout(() => (window.seen[name] = performance.now())));
      }
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true });
}

/** How long the page's main thread has worked, in milliseconds of its processor time, whatever else the machine does. */
async function worked(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return 1e3 * metrics.find(({ name }) => name === "TaskDuration")!.value;
}

/** How long a process has worked, with all its threads, in milliseconds of processor time. */
function processTime(pid: number): number {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).reduce((sum, thread) => sum + Number(readFileSync(`${threads}/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6, 0);
}

/** What a page took, in milliseconds. */
interface Figure {
  /** when what it waits for was painted, since the navigation began */
  time: number;
  /** how long its main thread worked for it */
  page: number;
  /** how long the Console's server worked for it */
  server: number;
}

/** Opens a page and waits for what the selector finds. */
async function when(context: BrowserContext, address: string, selector: string, server: number): Promise<Figure> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.addInitScript(observe, { it: selector });
  const before = await worked(session);
  const serverBefore = processTime(server);
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForFunction(() => window.seen["it"] > 0);
  const work = (await worked(session)) - before;
  const serverWork = processTime(server) - serverBefore;
  const time = await page.evaluate(() => window.seen["it"]!);
  await page.close();
  return { time, page: work, server: serverWork };
}

/** A server of a page that has nothing but a button, to see what the browser itself takes. */
async function startBare(): Promise<{ address: string; stop: () => void }> {
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html").end("<!doctype html><title>bare</title><button>here</button>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop: () => server.close() };
}

const refreshes = Number(process.env.REFRESHES);

/** What the page and the server need over many refreshes of the list, in bytes, after the first tenth and after all. */
interface Memory {
  /** the heap of the page, without what is garbage */
  page: { before: number; after: number };
  /** the largest resident set of the server, in the half before and in the half after */
  server: { before: number; after: number };
}

function residentSet(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
}

/** Has the page ask for its list again and again, as it does when somebody comes back to it. */
async function memoryOf(context: BrowserContext, address: string, server: number): Promise<Memory> {
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(address);
  await page.locator("[role=row][aria-rowindex='5']").waitFor();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSHeapUsedSize")!.value;
  };
  const begun = refreshes / 10;
  const memory = { page: { before: 0, after: 0 }, server: { before: 0, after: 0 } };
  for (let refresh = 1; refresh <= begun + refreshes; refresh++) {
    const answered = page.waitForResponse((response) => response.url().includes("/api/v1/secrets?"));
    await page.clock.fastForward("00:10"); // or what there is would be new enough
    await page.evaluate(() => window.dispatchEvent(new Event("visibilitychange")));
    await (await answered).finished();
    if (refresh === begun) memory.page.before = await heap();
    const half = refresh <= begun + refreshes / 2 ? "before" : "after";
    if (refresh > begun) memory.server[half] = Math.max(memory.server[half], residentSet(server));
  }
  memory.page.after = await heap();
  await context.close();
  return memory;
}

async function start(): Promise<{ link: string; pid: number; stop: () => void }> {
  const process_ = spawn(process.env.CONSOLE!, ["--no-browser"], { stdio: ["ignore", "pipe", "inherit"] });
  const link = await new Promise<string>((resolve, reject) => {
    let printed = "";
    process_.stdout.on("data", (data: Buffer) => {
      printed += data.toString();
      const found = /http:\/\/\S+\n/.exec(printed);
      if (found) resolve(found[0].trim());
    });
    process_.on("exit", (code) => reject(new Error(`the console ended with code ${code}`)));
  });
  process_.removeAllListeners("exit");
  return { link, pid: process_.pid!, stop: () => process_.kill("SIGTERM") };
}

async function logIn(browser: Browser, link: string) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  const state = await context.storageState();
  await context.close();
  return state;
}

test("how quickly the Console is there", async ({ browser }) => {
  const { link, pid, stop } = await start();
  const bare = await startBare();
  try {
    const storageState = await logIn(browser, link);
    const address = new URL(link).origin;
    const figures: Record<string, Figure[]> = { bare: [], first: [], again: [], secrets: [] };
    const button = "[aria-label='RUN A JOB: Terminal']:not(:disabled)";
    for (let run = 0; run <= runs; run++) {
      const context = await browser.newContext({ storageState }); // with an empty cache
      const empty = await when(context, bare.address, "button", pid);
      const first = await when(context, `${address}/dashboard`, button, pid);
      const again = await when(context, `${address}/dashboard`, button, pid);
      const secrets = await when(context, `${address}/secrets`, `[role=table][aria-rowcount='${Number(process.env.SECRETS) + 1}'] [role=row][aria-rowindex='5']`, pid);
      await context.close();
      if (run > 0) {
        figures.bare!.push(empty);
        figures.first!.push(first);
        figures.again!.push(again);
        figures.secrets!.push(secrets);
      }
    }
    const memory = await memoryOf(await browser.newContext({ storageState }), `${address}/secrets`, pid);
    writeFileSync(process.env.RESULT!, JSON.stringify({ ...figures, memory }));
  } finally {
    bare.stop();
    stop();
  }
});
