import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import type { Action, Preset, UsableSecret } from "../../api/client";
import { answer, refusal, sent } from "../../testing/server";
import { show } from "../../testing/show";
import RunDialog from "./RunDialog";

const action: Action = {
  name: "train",
  title: "Train",
  description: "",
  image: "python:3.13",
  command: ["python", "train.py"],
  preset: "small",
  terminal: false,
};
const small: Preset = { name: "small", description: "", cpu: "1", memory: "1Gi", gpu: 0 };
const mine: UsableSecret = { key: "db-password", mine: true, owner: "alice", uri: "secret:db-password" };
const shared: UsableSecret = { key: "token", mine: false, owner: "bob", uri: "secret://kind/bob/token" };
const closed = vi.fn();

beforeEach(() => {
  closed.mockClear();
  answer("GET /presets", { items: [small], notes: [] });
  answer("GET /usable-secrets", { items: [mine, shared], notes: [] });
  answer("POST /jobs", { name: "happy-hopper", notes: [], runCommand: "" });
});

async function open() {
  const user = show(<RunDialog action={action} onClose={closed} />);
  const dialog = within(screen.getByRole("dialog", { name: "Train" }));
  await waitFor(() => expect(dialog.getByRole("combobox", { name: "Preset" }).textContent).toBe("small"));
  const add = () => user.click(dialog.getByRole("button", { name: "ADD NEW SECRET" }));
  const run = () => user.click(dialog.getByRole("button", { name: "RUN" }));
  const secret = (number: number) => within(dialog.getByRole("group", { name: `Secret ${number}` }));
  return { user, dialog, add, run, secret };
}

test("a new secret row has the focus and offers all secrets I can use; the job gets the one chosen", async () => {
  const { user, add, run, secret } = await open();
  await add();
  expect(document.activeElement).toBe(secret(1).getByRole("combobox", { name: "Secret" }));
  await user.click(await screen.findByRole("option", { name: "secret://kind/bob/token" }));
  await user.type(secret(1).getByRole("textbox", { name: "Environment variable" }), "TOKEN");
  await run();
  await waitFor(() => expect(closed).toHaveBeenCalledOnce());
  expect(sent).toEqual([
    [
      "POST /jobs",
      {
        preset: "small",
        image: "python:3.13",
        command: ["python", "train.py"],
        terminal: false,
        environment: [{ name: "TOKEN", secret: "secret://kind/bob/token" }],
        files: [],
        volumes: [],
      },
    ],
  ]);
  expect(location.pathname).toBe("/jobs/happy-hopper/log");
});

test("a row without a secret or a variable is not sent; each field says what is missing", async () => {
  const { add, run, secret } = await open();
  await add();
  await run();
  expect(secret(1).getByText("Choose a secret")).toBeTruthy();
  expect(secret(1).getByText("Enter a variable name")).toBeTruthy();
  expect(document.activeElement).toBe(secret(1).getByRole("combobox", { name: "Secret" }));
  expect(sent).toEqual([]);
});

test("switching a row to a file and back to a variable keeps what was typed for each", async () => {
  const { user, add, secret } = await open();
  await add();
  await user.type(secret(1).getByRole("textbox", { name: "Environment variable" }), "TOKEN");
  await user.click(secret(1).getByRole("radio", { name: "File" }));
  expect(secret(1).queryByRole("textbox", { name: "Environment variable" })).toBeNull();
  await user.type(secret(1).getByRole("textbox", { name: "Path" }), "/var/key");
  await user.click(secret(1).getByRole("radio", { name: "Environment variable" }));
  expect(secret(1).getByRole<HTMLInputElement>("textbox", { name: "Environment variable" }).value).toBe("TOKEN");
  await user.click(secret(1).getByRole("radio", { name: "File" }));
  expect(secret(1).getByRole<HTMLInputElement>("textbox", { name: "Path" }).value).toBe("/var/key");
});

test("when the first row is removed, the second one becomes the first, unchanged", async () => {
  const { user, dialog, add, secret } = await open();
  await add();
  await add();
  await user.type(secret(2).getByRole("textbox", { name: "Environment variable" }), "SECOND");
  await user.click(dialog.getByRole("button", { name: "REMOVE: secret 1" }));
  expect(dialog.queryByRole("group", { name: "Secret 2" })).toBeNull();
  expect(secret(1).getByRole<HTMLInputElement>("textbox", { name: "Environment variable" }).value).toBe("SECOND");
});

test("the server's error about a variable is shown at its field, and the dialog stays open", async () => {
  answer("POST /jobs", refusal(422, "PATH is the image's own", "environment[0].name"));
  const { user, add, run, secret } = await open();
  await add();
  await user.click(await screen.findByRole("option", { name: "db-password" }));
  const variable = secret(1).getByRole("textbox", { name: "Environment variable" });
  await user.type(variable, "PATH");
  await run();
  expect(await secret(1).findByText("PATH is the image's own")).toBeTruthy();
  await waitFor(() => expect(document.activeElement).toBe(variable));
  expect(variable.getAttribute("aria-invalid")).toBe("true");
  expect(closed).not.toHaveBeenCalled();
});
