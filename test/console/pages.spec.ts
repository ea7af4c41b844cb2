import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { apolo, expect, pictures, readmePictures, screen, test, type Console } from "./world.ts";

/** What there is to see. */
function fill(alice: Console): void {
  for (const key of ["aws-key", "gcp-key", "secret-password", "wandb-token"]) apolo("alice", ["secret", "-n", alice.namespace, "add", "-q", "--overwrite", key, "value"]);
  apolo("alice", ["share", "-n", alice.namespace, "-q", "secret:gcp-key", "bob"]);
  const names = apolo("alice", ["job", "ls", "-a", "-q", "-n", alice.namespace]).split("\n");
  const run = (name: string, ...rest: string[]) => names.some((line) => line.includes(name)) || apolo("alice", ["run", "-n", alice.namespace, "--no-wait-start", "-q", "--name", name, ...rest]);
  run("notebook", "--env", "TOKEN=secret:wandb-token", "--volume", "secret:gcp-key:/var/secrets/gcp.json", "busybox:1", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo \"epoch $i: loss 0.$((9-i))42\"; done; sleep 3600");
  run("waits-for-an-image", "registry.invalid/no/such:image");
  run("evaluation", "busybox:1", "--", "sh", "-c", "echo accuracy 0.94");
}

const screens: { name: string; path: string; ready(page: Page): Promise<void> }[] = [
  { name: "dashboard", path: "/dashboard", ready: async (page) => {
    await expect(page.getByRole("button", { name: "RUN A JOB: Terminal" })).toBeVisible();
    await expect(page.getByRole("region", { name: "Running jobs" }).getByRole("link", { name: /notebook.*Running/ })).toBeVisible({ timeout: 40_000 });
  } },
  { name: "run", path: "/dashboard", ready: async (page) => {
    await page.getByRole("button", { name: "RUN A JOB: Terminal" }).click();
    await page.getByRole("button", { name: "ADD NEW SECRET" }).click();
    await page.getByRole("option", { name: "secret-password" }).click();
    await page.getByRole("textbox", { name: "Environment variable" }).fill("var1");
    await page.getByRole("button", { name: "Show command" }).click();
    await expect(page.getByRole("region", { name: "The command" })).toContainText("--env var1=secret:secret-password");
    const copy = page.getByRole("button", { name: "Copy: The command" });
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
  } },
  { name: "access", path: "/access", ready: async (page) => {
    await page.getByRole("tab", { name: /Shared by me/ }).click();
    await expect(page.getByRole("cell", { name: "gcp-key", exact: true })).toBeVisible();
  } },
  { name: "jobs", path: "/jobs", ready: async (page) => {
    await expect(page.getByRole("row").filter({ hasText: "waits-for-an-image" })).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: "evaluation" })).toContainText("Succeeded");
  } },
  { name: "job", path: "/jobs/notebook", ready: async (page) => expect(page.getByText("secret:wandb-token", { exact: true })).toBeVisible() },
  { name: "log", path: "/jobs/notebook/log", ready: async (page) => expect(page.getByRole("log")).toContainText("epoch 8") },
  { name: "terminal", path: "/jobs/notebook/terminal", ready: async (page) => expect(screen(page)).toContainText(/[#$] *$/) },
];

for (const scheme of ["light", "dark"] as const) {
  for (const width of [1440, 390]) {
    test(`every page, ${scheme}, ${width} wide: no serious violation of accessibility, nothing sticks out`, async ({ browser, alice }) => {
      test.setTimeout(300_000); // axe takes its time on a busy machine
      fill(alice);
      const page = await alice.open(browser, "/dashboard", { viewport: { width, height: width > 1000 ? 900 : 844 }, colorScheme: scheme });
      for (const { name, path, ready } of screens) {
        await page.goto(alice.address + path);
        await ready(page);
        await check(page, `${name}-${scheme}-${width}`, width);
      }
      await page.evaluate(() => localStorage.removeItem("apolo.pageKey"));
      await page.reload();
      await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
      await check(page, `login-${scheme}-${width}`, width);
      await page.close();
    });
  }
}

async function check(page: Page, name: string, width: number): Promise<void> {
  await page.screenshot({ path: join(pictures, `${name}.png`), animations: "disabled" });
  const { violations } = await new AxeBuilder({ page }).exclude(".xterm").analyze();
  const serious = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  expect(serious.map((one) => `${name}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.html}`).slice(0, 3).join("; ")}`)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name} is not wider than the screen`).toBeLessThanOrEqual(width);
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
