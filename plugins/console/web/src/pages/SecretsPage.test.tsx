import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Secret } from "../api/client";
import { answer, refusal, sent } from "../testing/server";
import { show } from "../testing/show";
import SecretsPage from "./SecretsPage";

const secret = (key: string, usedBy: string[] = []): Secret => ({
  key,
  usedBy,
  uri: `secret://kind/alice/${key}`,
  created: "2026-01-01T00:00:00Z",
  shared: false,
});
const question = "You are about to remove the secret. Do you want to proceed?";
let secrets: Secret[];

beforeEach(() => {
  secrets = [secret("aws-key", ["deployment/web"]), secret("gcp-key")];
  answer("GET /secrets", () => ({ items: secrets, notes: [] }));
  answer("DELETE /secrets/aws-key", () => {
    secrets = [secret("gcp-key")];
    return {};
  });
});

async function askToRemove() {
  const user = show(<SecretsPage />);
  const table = within(screen.getByRole("table", { name: "Secrets" }));
  await user.click(await table.findByRole("button", { name: "Remove aws-key" }));
  expect(table.getByRole("alert").textContent).toBe(question);
  return { user, table };
}

test("removing asks for confirmation, says what uses the secret, and focuses Cancel", async () => {
  const { table } = await askToRemove();
  expect(table.getByText("In use by deployment/web")).toBeTruthy();
  expect(document.activeElement).toBe(table.getByRole("button", { name: "Cancel" }));
  expect(sent).toEqual([]);
});

test.each(["{Enter}", "{Escape}"])("%s cancels the confirmation and removes nothing", async (keys) => {
  const { user, table } = await askToRemove();
  await user.keyboard(keys);
  expect(table.queryByText(question)).toBeNull();
  expect(document.activeElement).toBe(table.getByRole("button", { name: "Remove aws-key" }));
  expect(sent).toEqual([]);
});

test("the check mark removes the secret from the cluster and from the list", async () => {
  const { user, table } = await askToRemove();
  await user.click(table.getByRole("button", { name: "Remove aws-key" }));
  await waitFor(() => expect(table.queryByText("aws-key")).toBeNull());
  expect(table.getByText("gcp-key")).toBeTruthy();
  expect(sent).toEqual([["DELETE /secrets/aws-key"]]);
  expect(await screen.findByText("Secret aws-key removed")).toBeTruthy();
});

test("an error is shown, and the secret stays in the list", async () => {
  answer("DELETE /secrets/aws-key", refusal(403, "you can't delete secrets here"));
  const { user, table } = await askToRemove();
  await user.click(table.getByRole("button", { name: "Remove aws-key" }));
  expect((await screen.findByText("You can't delete secrets here")).closest("[role=alert]")).toBeTruthy();
  expect(table.getByText("aws-key")).toBeTruthy();
  expect(table.queryByText(question)).toBeNull();
});
