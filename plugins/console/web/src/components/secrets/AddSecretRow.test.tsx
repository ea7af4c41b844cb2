import { screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { answer, refusal, sent } from "../../testing/server";
import { show } from "../../testing/show";
import AddSecretRow from "./AddSecretRow";

const saved = vi.fn(() => Promise.resolve());
const cancelled = vi.fn();

beforeEach(() => {
  saved.mockClear();
  cancelled.mockClear();
  answer("POST /secrets", { key: "token", created: true, bytes: 9 });
});

function open() {
  const user = show(<AddSecretRow onSaved={saved} onCancel={cancelled} />);
  const key = screen.getByRole<HTMLInputElement>("textbox", { name: "Key" });
  const value = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Value" });
  return { user, key, value };
}

test("key and value are sent with their line breaks, and the value is cleared from its input", async () => {
  const { user, key, value } = open();
  expect(document.activeElement).toBe(key);
  await user.type(key, "token");
  await user.type(value, "two{Shift>}{Enter}{/Shift}lines{Enter}");
  await waitFor(() => expect(saved).toHaveBeenCalledWith("token", true, 9));
  expect(sent).toEqual([["POST /secrets", { key: "token", value: btoa("two\nlines"), overwrite: false }]]);
  expect(value.value).toBe("");
});

test("an invalid key is reported at its field, which gets the focus; nothing is sent", async () => {
  const { user, key, value } = open();
  await user.type(key, "no spaces");
  await user.type(value, "value{Enter}");
  expect((await screen.findByRole("alert")).textContent).toBe("Use letters, digits, “_”, “-” and “.”");
  expect(document.activeElement).toBe(key);
  expect(sent).toEqual([]);
});

test("an existing key is replaced only on request", async () => {
  answer("POST /secrets", (body) =>
    (body as { overwrite: boolean }).overwrite
      ? { key: "token", created: false, bytes: 5 }
      : refusal(409, "the secret already exists"),
  );
  const { user, key, value } = open();
  await user.type(key, "token");
  await user.type(value, "value{Enter}");
  expect((await screen.findByRole("alert")).textContent).toContain("A secret with this key already exists");
  expect(saved).not.toHaveBeenCalled();
  expect(value.value, "what was typed is not lost").toBe("value");
  await user.click(screen.getByRole("button", { name: "REPLACE VALUE" }));
  await waitFor(() => expect(saved).toHaveBeenCalledWith("token", false, 5));
  expect(sent.map(([, body]) => (body as { overwrite: boolean }).overwrite)).toEqual([false, true]);
});

test("a file replaces the value, and its name fills an empty key", async () => {
  const { user, key } = open();
  await user.upload(screen.getByLabelText("File with the value"), new File(["{}\n"], "gcp.json"));
  expect(key.value).toBe("gcp.json");
  expect(screen.getByText("gcp.json (3 bytes)")).toBeTruthy();
  expect(screen.queryByRole("textbox", { name: "Value" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(saved).toHaveBeenCalledOnce());
  expect(sent).toEqual([["POST /secrets", { key: "gcp.json", value: btoa("{}\n"), overwrite: false }]]);
});

test("Escape cancels, and sends nothing", async () => {
  const { user, value } = open();
  await user.type(value, "value{Escape}");
  expect(cancelled).toHaveBeenCalledOnce();
  expect(sent).toEqual([]);
});
