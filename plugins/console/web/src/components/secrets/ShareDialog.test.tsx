import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import type { Grant } from "../../api/client";
import { answer, refusal, sent } from "../../testing/server";
import { show } from "../../testing/show";
import ShareDialog from "./ShareDialog";

const bob: Grant = { grantee: { id: "bob", kind: "User", name: "bob" }, level: "read" };
const devs: Grant = { grantee: { id: "group:devs", kind: "Group", name: "devs" }, level: "write" };
let grants: Grant[];

beforeEach(() => {
  grants = [bob];
  answer("GET /secrets/token/access", () => ({ items: grants }));
});

async function open() {
  const user = show(<ShareDialog secret="token" onClose={vi.fn()} />);
  const dialog = within(screen.getByRole("dialog", { name: "Share token" }));
  await dialog.findByRole("list");
  const who = dialog.getByRole<HTMLInputElement>("textbox", { name: "Share with" });
  return { user, dialog, who };
}

test("sharing sends the grantee and the level, and lists the new grant", async () => {
  answer("POST /secrets/token/access", () => {
    grants = [bob, devs];
    return devs;
  });
  const { user, dialog, who } = await open();
  await user.type(who, " group:devs ");
  await user.click(dialog.getByRole("combobox", { name: "Level" }));
  await user.click(screen.getByRole("option", { name: "write" }));
  await user.click(dialog.getByRole("button", { name: "SHARE" }));
  expect(await dialog.findByRole("button", { name: "Revoke access from devs" })).toBeTruthy();
  expect(sent).toEqual([["POST /secrets/token/access", { grantee: "group:devs", level: "write" }]]);
  expect(who.value).toBe("");
  expect(await screen.findByText("devs (group) has write access to token")).toBeTruthy();
});

test("an invalid name is not sent, and keeps the focus", async () => {
  const { user, dialog, who } = await open();
  await user.type(who, "sa:namespace-only{Enter}");
  expect(dialog.getByText("Enter a service account as sa:NAMESPACE:NAME")).toBeTruthy();
  expect(who.getAttribute("aria-invalid")).toBe("true");
  expect(document.activeElement).toBe(who);
  expect(sent).toEqual([]);
});

test("the server's error about the name is shown at its field; any other error is an alert", async () => {
  const { user, dialog, who } = await open();
  answer("POST /secrets/token/access", refusal(422, "nobody has this name", "grantee"));
  await user.type(who, "bobb{Enter}");
  expect(await dialog.findByText("Nobody has this name")).toBeTruthy();
  expect(dialog.queryByRole("alert")).toBeNull();
  answer("POST /secrets/token/access", refusal(403, "you can't share this"));
  await user.type(who, "{Enter}");
  expect((await dialog.findByRole("alert")).textContent).toBe("You can't share this");
  expect(dialog.queryByText("Nobody has this name")).toBeNull();
});

test("revoking access removes only that grant", async () => {
  grants = [bob, devs];
  answer("DELETE /secrets/token/access/bob", () => {
    grants = [devs];
    return {};
  });
  const { user, dialog } = await open();
  await user.click(dialog.getByRole("button", { name: "Revoke access from bob" }));
  await waitFor(() => expect(dialog.queryByText("bob")).toBeNull());
  expect(dialog.getByText("devs")).toBeTruthy();
  expect(sent).toEqual([["DELETE /secrets/token/access/bob"]]);
});
