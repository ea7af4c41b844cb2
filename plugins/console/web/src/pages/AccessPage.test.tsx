import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { answer } from "../testing/server";
import { show } from "../testing/show";
import AccessPage from "./AccessPage";

const bob = { id: "bob", kind: "User", name: "bob" };

test("a column says when access ends, where some does, and what is wrong with that", async () => {
  answer("GET /access", () => ({
    withMe: [{ uri: "secret://c/bob/theirs", namespace: "bob", key: "theirs", level: "read" }],
    byMe: [
      { uri: "secret://c/me/a", key: "a", grantee: bob, level: "read", stale: false, ends: "2050-01-31T13:00:00Z" },
      {
        uri: "secret://c/me/b",
        key: "b",
        grantee: bob,
        level: "read",
        stale: false,
        endsProblem: "never: its timer was changed",
      },
      { uri: "secret://c/me/c", key: "c", grantee: bob, level: "write", stale: false },
    ],
    notes: [],
  }));
  const user = show(<AccessPage />);
  await screen.findByText("secret://c/bob/theirs");
  expect(screen.queryByRole("columnheader", { name: "Ends" })).toBeNull();
  await user.click(screen.getByRole("tab", { name: /Shared by me/ }));
  expect(screen.getByRole("columnheader", { name: "Ends" })).toBeTruthy();
  expect(screen.getByRole("row", { name: /^a / }).querySelector("time")?.dateTime).toBe("2050-01-31T13:00:00Z");
  expect(screen.getByRole("cell", { name: "never: its timer was changed" })).toBeTruthy();
});
