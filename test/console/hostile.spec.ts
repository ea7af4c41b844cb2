import { apolo, expect, kubectl, screen, test } from "./world.ts";

const markup = `<img src=x onerror="alert(1)">`;

test("markup and escape sequences in what a job is called and writes do nothing", async ({ browser, alice }) => {
  const script = String.raw`echo '<img src=x onerror="alert(1)"><script>alert(2)</script>'; printf '\033]0;renamed\007\033]52;c;aGFja2Vk\007\033[2Jcleared \033[31mred\033[0m\n'; sleep 600`;
  apolo("alice", ["run", "-n", alice.namespace, "--no-wait-start", "--name", "hostile", "--tag", markup, "--description", markup, "--env", `X=${markup}`, "busybox:1", "--", "sh", "-c", script]);
  const page = await alice.open(browser, "/jobs");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: alice.address });
  await page.evaluate(() => navigator.clipboard.writeText("mine"));
  await expect(page.getByRole("row").filter({ hasText: "hostile" })).toContainText(markup);

  await page.getByRole("link", { name: "hostile" }).first().click();
  await expect(page.getByRole("tabpanel")).toContainText(markup);
  await page.getByRole("tab", { name: "Log" }).click();
  await expect(page.getByRole("log")).toContainText(`${markup}<script>alert(2)</script>`);
  await expect(page.getByRole("log")).toContainText("cleared red");
  await page.getByRole("searchbox", { name: "Search the log" }).fill("<script>");
  await expect(page.locator("mark")).toHaveText("<script>");
  expect(await page.locator("main img").count()).toBe(0);

  await page.getByRole("tab", { name: "Terminal" }).click();
  await expect(screen(page)).toContainText(/[#$] *$/, { timeout: 180_000 });
  await page.getByRole("textbox", { name: "Terminal input" }).focus();
  await page.keyboard.type(String.raw`printf '\033]52;c;aGFja2Vk\007\033]0;renamed\007<b>bo''ld</b>\n'`);
  await page.keyboard.press("Enter");
  await expect(screen(page)).toContainText("<b>bold</b>");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("mine");
  expect(await page.title()).toContain("hostile");
  kubectl("alice", ["-n", alice.namespace, "delete", "job", "hostile", "--wait=false"]);
});

test("a long name and a key with dots stay in their places", async ({ browser, alice }) => {
  const key = `${"very-long-".repeat(24)}key.pem`;
  apolo("alice", ["secret", "-n", alice.namespace, "add", "-q", key, "x"]);
  for (const width of [1440, 390]) {
    const page = await alice.open(browser, "/secrets", { viewport: { width, height: 844 } });
    await expect(page.getByRole("button", { name: `Remove ${key}` })).toBeInViewport();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.close();
  }
  apolo("alice", ["secret", "-n", alice.namespace, "rm", "-q", key]);
});
