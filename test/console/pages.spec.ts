import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { apolo, expect, kubectl, pictures, readmePictures, screen, test, type Console } from "./world.ts";

/** Makes what is left of a job that somebody deleted without it. */
function left(alice: Console, job: string): void {
  kubectl("alice", ["-n", alice.namespace, "apply", "-f", "-"], JSON.stringify({
    apiVersion: "v1", kind: "Secret", metadata: { name: `${job}-2abcd-0`, labels: { "apolo.us/job-copy": "true" } }, stringData: { key: "value" },
  }));
}

/** What there is to see. */
function fill(alice: Console): void {
  for (const key of ["aws-key", "gcp-key", "secret-password", "wandb-token"]) apolo("alice", ["secret", "-n", alice.namespace, "add", "-q", "--overwrite", key, "value"]);
  apolo("alice", ["share", "-n", alice.namespace, "-q", "secret:gcp-key", "bob"]);
  apolo("alice", ["share", "-n", alice.namespace, "-q", "secret:gcp-key", "group:system:serviceaccounts"]);
  const names = apolo("alice", ["job", "ls", "-a", "-q", "-n", alice.namespace]).split("\n");
  const run = (name: string, ...rest: string[]) => names.some((line) => line.includes(name)) || apolo("alice", ["run", "-n", alice.namespace, "--no-wait-start", "-q", "--name", name, ...rest]);
  run("notebook", "--env", "TOKEN=secret:wandb-token", "--volume", "secret:gcp-key:/var/secrets/gcp.json", "busybox:1", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo \"epoch $i: loss 0.$((9-i))42\"; done; sleep 3600");
  run("waits-for-an-image", "registry.invalid/no/such:image");
  left(alice, "sweep");
  run("evaluation", "busybox:1", "--", "sh", "-c", "echo accuracy 0.94");
}

const screens: { name: string; path: string; ready(page: Page): Promise<void> }[] = [
  { name: "dashboard", path: "/dashboard", ready: async (page) => {
    await expect(page.getByRole("button", { name: "RUN A JOB: Terminal" })).toBeVisible();
    await expect(page.getByRole("region", { name: "Running jobs" }).getByRole("link", { name: /notebook.*Running/ })).toBeVisible({ timeout: 180_000 });
  } },
  { name: "run", path: "/dashboard", ready: async (page) => {
    await page.getByRole("button", { name: "RUN A JOB: Terminal" }).click();
    await page.getByRole("button", { name: "ADD NEW SECRET" }).click();
    await page.getByRole("option", { name: "secret-password" }).click();
    await page.getByRole("textbox", { name: "Environment variable" }).fill("var1");
    await page.getByRole("button", { name: "Show command" }).click();
    await expect(page.getByRole("region", { name: "Equivalent command" })).toContainText("--env var1=secret:secret-password");
    const copy = page.getByRole("button", { name: "Copy: Equivalent command" });
    await copy.scrollIntoViewIfNeeded(); // once it has unfolded
    await expect(copy).toBeInViewport({ ratio: 1 });
  } },
  { name: "secrets", path: "/secrets", ready: async (page) => {
    await page.getByRole("button", { name: "Add a secret" }).click();
    await page.getByRole("textbox", { name: "Key" }).fill("hf-token");
    await page.getByRole("textbox", { name: "Value" }).fill("not seen");
    await page.getByRole("button", { name: "Remove aws-key" }).click();
  } },
  { name: "share", path: "/secrets", ready: async (page) => {
    await page.getByRole("button", { name: "Share gcp-key" }).click();
    await expect(page.getByRole("dialog").getByText("bob")).toBeVisible();
    await expect(page.getByRole("dialog").getByText("Every pod of the cluster has read on it now")).toBeVisible();
  } },
  { name: "access", path: "/access", ready: async (page) => {
    await page.getByRole("tab", { name: /Shared by me/ }).click();
    await expect(page.getByRole("cell", { name: "gcp-key", exact: true }).first()).toBeVisible();
  } },
  { name: "jobs", path: "/jobs", ready: async (page) => {
    await expect(page.getByRole("row").filter({ hasText: "waits-for-an-image" })).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: "evaluation" })).toContainText("Succeeded");
  } },
  { name: "job", path: "/jobs/notebook", ready: async (page) => expect(page.getByText("secret:wandb-token", { exact: true })).toBeVisible() },
  { name: "log", path: "/jobs/notebook/log", ready: async (page) => expect(page.getByRole("log")).toContainText("epoch 8") },
  { name: "terminal", path: "/jobs/notebook/terminal", ready: async (page) => expect(screen(page)).toContainText(/[#$] *$/) },
];

/** What a page is looked at with: structure is checked wide and narrow, colours in both themes. `make test` leaves half of it to `make test-all`. */
const views = [
  { scheme: "light", width: 1440, height: 900, rules: "all" },
  { scheme: "dark", width: 375, height: 812, rules: process.env.TEST_ALL ? "all" : "colours" },
  ...(process.env.TEST_ALL
    ? ([
        { scheme: "dark", width: 1440, height: 900, rules: "colours" },
        { scheme: "light", width: 375, height: 812, rules: "none" },
      ] as const)
    : []),
] as const;

test("every page, light and dark, wide and narrow: no serious violation of accessibility, nothing sticks out", async ({ browser, alice }) => {
  test.setTimeout(900_000); // axe takes its time on a busy machine
  fill(alice);
  const page = await alice.open(browser, "/dashboard", { viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  for (const { name, path, ready } of screens) {
    await look(page, views[0]);
    await page.goto(alice.address + path);
    await ready(page);
    for (const view of views) await check(page, name, view);
  }
  await page.evaluate(() => localStorage.removeItem("apolo.pageKey"));
  await page.reload();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  for (const view of views) await check(page, "login", view);
  await page.close();
});

/** Changes theme and size of a page that is shown. */
async function look(page: Page, { scheme, width, height }: (typeof views)[number]): Promise<void> {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  await expect(page.locator("html")).toHaveAttribute("data-theme", scheme);
}

async function check(page: Page, screen: string, view: (typeof views)[number]): Promise<void> {
  const name = `${screen}-${view.scheme}-${view.width}`;
  await look(page, view);
  await page.screenshot({ path: join(pictures, `${name}.png`), animations: "disabled" });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), `${name} is not wider than the screen`).toBeLessThanOrEqual(view.width);
  if (view.rules === "none") return;
  const axe = new AxeBuilder({ page }).exclude(".xterm");
  const { violations } = await (view.rules === "colours" ? axe.withRules(["color-contrast"]) : axe).analyze();
  const serious = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  expect(serious.map((one) => `${name}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.html}`).slice(0, 3).join("; ")}`)).toEqual([]);
}

test("the README's pictures @readme", async ({ browser, alice }) => {
  fill(alice);
  const page = await alice.open(browser, "/dashboard", { viewport: { width: 1280, height: 800 } });
  for (const { name, path, ready } of screens.filter((one) => one.name === "dashboard" || one.name === "run")) {
    await page.goto(alice.address + path);
    await ready(page);
    await page.screenshot({ path: join(process.env.UPDATE_PICTURES ? readmePictures : pictures, `console-${name}.png`), animations: "disabled" });
  }
  await page.close();
});

test("what is left of a job that is gone is said and removed, and so is a warning of the cluster", async ({ browser, alice }) => {
  left(alice, "gone");
  const page = await alice.open(browser, "/jobs");
  const message = page.getByRole("alert").filter({ hasText: "Job gone was deleted, but these objects were left behind: copy of a secret gone-2abcd-0." });
  await expect(message).toBeVisible();
  const text = "would violate PodSecurity “restricted”: <b>, and more";
  await page.route("**/api/v1/leftovers/*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "apolo-warning": encodeURIComponent(text) } });
  });
  await message.getByRole("button", { name: "Remove leftovers of gone" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Leftovers of job gone removed" })).toBeVisible();
  await expect(message).toHaveCount(0);
  await expect(page.getByRole("alert").filter({ hasText: text })).toBeVisible();
  await page.screenshot({ path: join(pictures, "warning-light-1440.png"), animations: "disabled" });
  await page.getByRole("button", { name: "Dismiss warnings" }).click();
  await expect(page.getByText(text)).toHaveCount(0);
  await page.close();
});

test("five thousand secrets are listed, searched and sorted at once", async ({ browser, alice }) => {
  const page = await alice.open(browser, "/dashboard");
  const items = Array.from({ length: 5_000 }, (_, i) => ({ key: `key-${String(i).padStart(4, "0")}`, uri: `secret://c/n/key-${i}`, created: "2026-01-01T00:00:00Z", shared: false, usedBy: [] }));
  await page.route("**/api/v1/secrets?*", (route) => route.fulfill({ json: { items, notes: [] } }));
  await page.getByRole("navigation").getByRole("link", { name: "Secrets" }).click();
  await expect(page.getByRole("table", { name: "Secrets" })).toHaveAttribute("aria-rowcount", "5001");
  expect(await page.getByRole("row").count(), "only what can be seen is in the page").toBeLessThan(60);
  await page.getByRole("button", { name: "Key", exact: true }).click();
  await expect(page.getByRole("row").nth(1)).toContainText("key-4999");
  await page.getByRole("searchbox", { name: "Search secrets" }).fill("key-123");
  await expect(page.getByText("10 of 5,000")).toBeVisible();
  await page.close();
});

test("light and dark are remembered, and an icon says what it does to pointer and keyboard", async ({ browser, alice }) => {
  const page = await alice.open(browser, "/secrets", { colorScheme: "light" });
  const root = page.locator("html");
  const button = page.getByRole("button", { name: "Use the dark theme" });
  await expect(root).toHaveAttribute("data-theme", "light");
  const tip = page.getByRole("tooltip");
  await expect(async () => {
    await page.mouse.move(500, 500);
    await button.hover();
    await expect(tip).toHaveText("Use the dark theme", { timeout: 2_000 });
  }).toPass(); // what shows tips comes after the page
  await page.keyboard.press("Escape");
  await expect(tip).toBeHidden();
  await button.click();
  await expect(root).toHaveAttribute("data-theme", "dark");
  await page.reload();
  await expect(root).toHaveAttribute("data-theme", "dark");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByRole("button", { name: "Use the light theme" }).click();
  await expect(root, "the user's choice counts more than the system's").toHaveAttribute("data-theme", "light");
  await expect(page.getByRole("combobox", { name: "Namespace" })).toBeVisible();
  await expect(async () => {
    await page.getByRole("searchbox", { name: "Search secrets" }).focus();
    await page.keyboard.press("Tab");
    await expect(tip).toHaveText("Add a secret", { timeout: 2_000 });
  }).toPass();
  await page.close();
});
