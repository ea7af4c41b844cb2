import { createHash } from "node:crypto";
import { addSecret, apolo, expect, screen, test, typeInTerminal, watch } from "./world.ts";

const value = "p@$$w0rd123";
const hash = createHash("sha256").update(`${value}\n`).digest("hex");
const hashWithoutLine = createHash("sha256").update(value).digest("hex");

test("the documentation's walk: add a secret, use it in a terminal, as a variable and as a file, delete it", async ({ browser, alice }) => {
  apolo("alice", ["secret", "rm", "--quiet", "--ignore-not-found", "secret-password", "-n", alice.namespace]); // of the tests before
  const page = await alice.open(browser, "/");
  await expect(page).toHaveURL(/\/dashboard/);

  await test.step("add", async () => {
    await page.getByRole("navigation").getByRole("link", { name: "Secrets" }).click();
    await addSecret(page, "secret-password", value);
    await expect(page.getByRole("status").filter({ hasText: "Secret secret-password saved (11 bytes)" })).toBeVisible();
    expect(await page.content(), "the value is gone from the page").not.toContain(value);
  });

  await test.step("use it as an environment variable", async () => {
    await page.getByRole("navigation").getByRole("link", { name: "Dashboard" }).click();
    await page.getByRole("button", { name: "RUN A JOB: Terminal" }).click();
    const dialog = page.getByRole("dialog", { name: "Terminal" });
    await expect(dialog.getByText("* Required")).toBeVisible();
    await dialog.getByRole("button", { name: "ADD NEW SECRET" }).click();
    await page.getByRole("option", { name: "secret-password" }).click();
    await dialog.getByRole("radio", { name: "Environment variable" }).check();
    await dialog.getByRole("textbox", { name: "Environment variable" }).fill("var1");
    await dialog.getByRole("button", { name: "Show command" }).click();
    await expect(dialog.getByRole("region", { name: "Equivalent command" })).toContainText("--env var1=secret:secret-password");
    await dialog.getByRole("button", { name: "RUN", exact: true }).click();
    await expect(page).toHaveURL(/\/jobs\/[^/]+\/terminal/);
    await typeInTerminal(page, "echo $var1 | sha256sum");
    await expect(screen(page)).toContainText(hash.slice(0, 40));
    await page.getByRole("tab", { name: "Details" }).click();
    await expect(page.getByText("secret:secret-password", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "KILL" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "KILL" }).click();
    await expect(page).toHaveURL(/\/jobs(\?|$)/);
  });

  await test.step("use it as a file", async () => {
    await page.getByRole("navigation").getByRole("link", { name: "Dashboard" }).click();
    await page.getByRole("button", { name: "RUN A JOB: Terminal" }).click();
    const dialog = page.getByRole("dialog", { name: "Terminal" });
    await dialog.getByRole("button", { name: "ADD NEW SECRET" }).click();
    await page.getByRole("option", { name: "secret-password" }).click();
    await dialog.getByRole("radio", { name: "File" }).check();
    await dialog.getByRole("textbox", { name: "Path" }).fill("/var/secrets/password");
    await dialog.getByRole("textbox", { name: "Mode" }).fill("9");
    await dialog.getByRole("button", { name: "RUN", exact: true }).click();
    await expect(dialog.getByText("Use three or four octal digits")).toBeVisible();
    await dialog.getByRole("textbox", { name: "Mode" }).fill("0400");
    await dialog.getByRole("button", { name: "RUN", exact: true }).click();
    await typeInTerminal(page, "sha256sum /var/secrets/password; stat -c is-%a /var/secrets/password");
    await expect(screen(page)).toContainText(hashWithoutLine.slice(0, 40));
    await expect(screen(page)).toContainText("is-400");
    await page.getByRole("button", { name: "KILL" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "KILL" }).click();
  });

  await test.step("delete", async () => {
    await page.getByRole("navigation").getByRole("link", { name: "Secrets" }).click();
    await page.getByRole("button", { name: "Remove secret-password" }).click();
    await expect(page.getByText("You are about to remove the secret. Do you want to proceed?")).toBeVisible();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Remove secret-password" }).click();
    await page.getByRole("button", { name: "Remove secret-password" }).click(); // now the check mark
    await expect(page.getByRole("status").filter({ hasText: "Secret secret-password removed" })).toBeVisible();
    await expect(page.getByRole("table").getByText("secret-password")).toHaveCount(0);
  });
});

test("the link logs in once, and logging out ends the session", async ({ browser, alice }) => {
  await alice.open(browser, "/").then((page) => page.close()); // uses the link up, if nobody has
  const page = await browser.newPage();
  watch(page, alice.address);
  await page.goto(alice.link);
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await expect(page.getByText("This link was used before, or is too old")).toBeVisible();
  expect(page.url(), "the token is gone from the address").not.toContain("token");
  await page.getByRole("button", { name: "LOG IN" }).click();
  await expect(page.getByText("Paste the link or its token")).toBeVisible();
  await page.getByLabel("Link or token").fill("wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("press Enter where");
  await page.close();
});

test("what is typed wrong is said at its field, and the keyboard is enough", async ({ browser, alice }) => {
  const page = await alice.open(browser, "/secrets");
  await page.getByRole("button", { name: "Add a secret" }).first().press("Enter");
  await expect(page.getByRole("textbox", { name: "Key" })).toBeFocused();
  await page.keyboard.type("no spaces");
  await page.keyboard.press("Tab");
  await page.keyboard.type("two");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("lines");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Use letters, digits, “_”, “-” and “.”")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Key" })).toBeFocused();
  await page.getByRole("textbox", { name: "Key" }).fill("by-keyboard");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "saved (9 bytes)" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Add a secret" })).toBeFocused();

  await page.keyboard.press("Enter");
  await page.keyboard.type("by-keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.type("other");
  await page.keyboard.press("Enter");
  await expect(page.getByText("A secret with this key already exists")).toBeVisible();
  await page.getByRole("button", { name: "REPLACE VALUE" }).press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "replaced (5 bytes)" })).toBeVisible();

  await page.getByRole("button", { name: "Remove by-keyboard" }).press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Remove by-keyboard" })).toBeFocused();

  await page.getByRole("navigation").getByRole("link", { name: "Dashboard" }).click();
  await page.getByRole("button", { name: "RUN A JOB: Custom job" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Not A Name");
  await page.getByRole("button", { name: "RUN", exact: true }).click();
  await expect(page.getByText("Enter an image")).toBeVisible();
  await expect(page.getByText("Use lowercase letters, digits and “-”")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Image" })).toBeFocused();
});

test("a namespace without rights says which right is missing", async ({ browser, alice }) => {
  const page = await alice.open(browser, "/secrets?namespace=carol");
  await expect(page.getByRole("alert")).toContainText(/list.*secrets.*carol/i);
});
