import { createHash } from "node:crypto";
import { addSecret, expect, test } from "./world.ts";

const value = "shared between two";
const hash = createHash("sha256").update(`${value}\n`).digest("hex");

test("alice shares a secret, bob uses it, alice takes it back", async ({ browser, alice, bob }) => {
  const hers = await alice.open(browser, "/secrets");
  await addSecret(hers, "common", value);
  await hers.getByRole("button", { name: "Share common" }).click();
  const dialog = hers.getByRole("dialog", { name: "Share common" });
  await dialog.getByRole("textbox", { name: "Share with" }).fill("sa:oops");
  await dialog.getByRole("button", { name: "SHARE" }).click();
  await expect(dialog.getByText("Enter a service account as")).toBeVisible();
  await dialog.getByRole("textbox", { name: "Share with" }).fill("group:system:authenticated");
  await dialog.getByRole("button", { name: "SHARE" }).click();
  await expect(dialog.getByRole("alert")).toHaveText("Everybody with an account on the cluster, and every pod, has read on it now");
  await dialog.getByRole("button", { name: "Revoke access from system:authenticated" }).click();
  await expect(dialog.getByText("Only users with access to the whole namespace")).toBeVisible();
  await dialog.getByRole("textbox", { name: "Share with" }).fill("bob");
  await dialog.getByRole("button", { name: "SHARE" }).click();
  await expect(dialog.getByRole("listitem").filter({ hasText: "bob" })).toContainText("read");
  await dialog.getByRole("button", { name: "CLOSE" }).click();
  await expect(hers.getByRole("row").filter({ hasText: "common" })).toContainText("shared");

  const his = await bob.open(browser, "/access");
  const uri = `secret:/${alice.namespace}/common`;
  await expect(async () => {
    await his.reload();
    await expect(his.getByRole("tabpanel")).toContainText(`/${alice.namespace}/common`, { timeout: 3_000 });
  }).toPass();
  await his.getByRole("navigation").getByRole("link", { name: "Dashboard" }).click();
  await his.getByRole("button", { name: "RUN A JOB: Custom job" }).click();
  const run = his.getByRole("dialog", { name: "Custom job" });
  await run.getByRole("textbox", { name: "Image" }).fill("busybox:1");
  await run.getByRole("textbox", { name: "Command" }).fill(`sh -c 'echo "$IT" | sha256sum; echo "$IT"'`);
  await run.getByRole("button", { name: "ADD NEW SECRET" }).click();
  await his.getByRole("option", { name: uri }).click();
  await run.getByRole("textbox", { name: "Environment variable" }).fill("IT");
  await run.getByRole("button", { name: "RUN", exact: true }).click();
  const log = his.getByRole("log");
  await expect(log).toContainText(hash);
  await expect(log).toContainText("***");
  await expect(log).not.toContainText(value);

  await hers.getByRole("navigation").getByRole("link", { name: "Access" }).click();
  await hers.getByRole("tab", { name: /Shared by me/ }).click();
  await hers.getByRole("button", { name: "Change access to common" }).click();
  await hers.getByRole("button", { name: "Revoke access from bob" }).click();
  await expect(hers.getByRole("dialog").getByText("Only users with access to the whole namespace")).toBeVisible();
  await expect(async () => {
    await his.goto(`${bob.address}/access`);
    await expect(his.getByRole("tabpanel")).not.toContainText(alice.namespace, { timeout: 1_000 });
  }).toPass();
});
