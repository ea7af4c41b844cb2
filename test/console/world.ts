import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "@playwright/test";

export { expect };

const root = join(import.meta.dirname, "../..");
const clusterDir = process.env.APOLO_CLUSTER_DIR!;
export const pictures = join(root, "dist/console");
export const readmePictures = join(root, "docs/images");
mkdirSync(pictures, { recursive: true });

/** Runs kubectl as somebody, and returns what it prints. */
export function kubectl(user: string, args: string[], input = ""): string {
  return execFileSync("kubectl", ["--kubeconfig", join(clusterDir, "kubeconfig", user), ...args], { input, encoding: "utf8" });
}

/** Runs one of the plugins as somebody. */
export function apolo(user: string, args: string[], input = ""): string {
  return execFileSync(join(root, "bin/kubectl-apolo"), args, { input, encoding: "utf8", env: { ...process.env, KUBECONFIG: join(clusterDir, "kubeconfig", user) } });
}

/** A Console that runs as somebody, in a namespace made for it. */
export class Console {
  private constructor(
    readonly user: string,
    readonly namespace: string,
    readonly link: string,
    private readonly process: ChildProcess,
    private readonly printed: { text: string },
  ) {}

  /** All that the process has printed, but for the links to log in with. */
  get output(): string {
    return this.printed.text.replaceAll(/#token=\S+/g, "");
  }

  private state: Awaited<ReturnType<BrowserContext["storageState"]>> | undefined;

  /** The namespaces of others are in the kubeconfig too: anyone who cannot list namespaces is asked about those. */
  static async start(user: string, others: string[] = []): Promise<Console> {
    const namespace = `console-${user}-${randomBytes(3).toString("hex")}`;
    kubectl("admin", ["create", "namespace", namespace]);
    kubectl("admin", ["create", "rolebinding", "owner", "-n", namespace, "--clusterrole=admin", `--user=${user}`]);
    const kubeconfig = join(mkdtempSync(join(tmpdir(), "console-")), "kubeconfig");
    copyFileSync(join(clusterDir, "kubeconfig", user), kubeconfig);
    for (const other of [namespace, ...others]) {
      execFileSync("kubectl", ["--kubeconfig", kubeconfig, "config", "set-context", other, "--cluster=default", `--user=${user}`, `--namespace=${other}`]);
    }
    const process_ = spawn(join(root, "bin/kubectl-apolo_console"), ["--no-browser", "-n", namespace], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    const printed = { text: "" };
    for (const stream of [process_.stdout, process_.stderr]) stream.on("data", (data: Buffer) => (printed.text += data.toString()));
    const link = await new Promise<string>((resolve, reject) => {
      process_.stdout.on("data", () => {
        const found = /http:\/\/\S+\n/.exec(printed.text);
        if (found) resolve(found[0].trim());
      });
      process_.on("exit", (code) => reject(new Error(`the console ended with code ${code}: ${printed.text}`)));
    });
    return new Console(user, namespace, link, process_, printed);
  }

  get address(): string {
    return new URL(this.link).origin;
  }

  stop(): void {
    this.process.removeAllListeners("exit");
    this.process.kill("SIGTERM");
    kubectl("admin", ["delete", "namespace", this.namespace, "--wait=false"]);
  }

  /** What a browser keeps that is logged in: with the link the first time, and the same then. */
  async session(browser: Browser): Promise<Awaited<ReturnType<BrowserContext["storageState"]>>> {
    if (!this.state) {
      const first = await browser.newContext();
      const page = await first.newPage();
      await page.goto(this.link);
      await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
      this.state = await first.storageState();
      await first.close();
    }
    return this.state;
  }

  /** A page that is logged in. */
  async open(browser: Browser, path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ ...options, storageState: await this.session(browser) });
    const page = await context.newPage();
    watch(page, this.address);
    await page.goto(this.address + path);
    return page;
  }
}

const wrong = new Map<Page, string[]>();

/** Notes what no page may do: break its policy, throw, or ask another server. */
export function watch(page: Page, address: string): void {
  const found: string[] = [];
  wrong.set(page, found);
  page.on("console", (message) => {
    if (/Content Security Policy|violates/i.test(message.text())) found.push(message.text());
  });
  page.on("pageerror", (error) => found.push(`thrown: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) found.push(`a request to ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    found.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}

interface Worlds {
  alice: Console;
  bob: Console;
}

export const test = base.extend<{ behaves: undefined }, Worlds>({
  alice: [
    async ({}, use) => {
      const console_ = await Console.start("alice");
      await use(console_);
      console_.stop();
    },
    { scope: "worker" },
  ],
  bob: [
    async ({ alice }, use) => {
      const console_ = await Console.start("bob", [alice.namespace]);
      await use(console_);
      console_.stop();
    },
    { scope: "worker" },
  ],
  behaves: [
    async ({}, use) => {
      wrong.clear();
      await use(undefined);
      expect([...wrong.values()].flat(), "no page breaks its policy, throws, or asks another server").toEqual([]);
    },
    { auto: true },
  ],
});

/** What the screen of the terminal shows. */
export function screen(page: Page) {
  return page.locator(".xterm-rows");
}

/** Types a command into the terminal once the shell is there. */
export async function typeInTerminal(page: Page, command: string): Promise<void> {
  await expect(screen(page)).toContainText(/[#$] *$/, { timeout: 180_000 });
  await page.getByRole("textbox", { name: "Terminal input" }).focus();
  await page.keyboard.type(command);
  await page.keyboard.press("Enter");
}

/** Adds a secret on the page Secrets. */
export async function addSecret(page: Page, key: string, value: string): Promise<void> {
  await page.getByRole("button", { name: "Add a secret" }).first().click();
  await page.getByRole("textbox", { name: "Key" }).fill(key);
  await page.getByRole("textbox", { name: "Value" }).fill(value);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row").filter({ hasText: key })).toContainText("*********");
}
