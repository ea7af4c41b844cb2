// Measures how quickly the Console's page is there, for 'make bench', which starts this with
//   CONSOLE        the binary
//   KUBECONFIG     of a user with a namespace full of secrets
//   SECRETS        how many there are
//   RESULT         the file to write the figures to, in milliseconds
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
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

/** When something was there, and how long the page worked for it; both in milliseconds. */
async function when(context: BrowserContext, address: string, selector: string): Promise<{ time: number; work: number }> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.addInitScript(observe, { it: selector });
  const before = await worked(session);
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForFunction(() => window.seen["it"] > 0);
  const work = (await worked(session)) - before;
  const time = await page.evaluate(() => window.seen["it"]!);
  await page.close();
  return { time, work };
}

async function start(): Promise<{ link: string; stop: () => void }> {
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
  return { link, stop: () => process_.kill("SIGTERM") };
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
  const { link, stop } = await start();
  try {
    const storageState = await logIn(browser, link);
    const address = new URL(link).origin;
    const figures: Record<string, { time: number; work: number }[]> = { first: [], again: [], secrets: [] };
    const button = "[aria-label='RUN A JOB: Terminal']:not(:disabled)";
    for (let run = 0; run <= runs; run++) {
      const context = await browser.newContext({ storageState }); // with an empty cache
      const first = await when(context, `${address}/dashboard`, button);
      const again = await when(context, `${address}/dashboard`, button);
      const secrets = await when(context, `${address}/secrets`, `[role=table][aria-rowcount='${Number(process.env.SECRETS) + 1}'] [role=row][aria-rowindex='5']`);
      await context.close();
      if (run > 0) {
        figures.first!.push(first);
        figures.again!.push(again);
        figures.secrets!.push(secrets);
      }
    }
    writeFileSync(process.env.RESULT!, JSON.stringify(figures));
  } finally {
    stop();
  }
});
