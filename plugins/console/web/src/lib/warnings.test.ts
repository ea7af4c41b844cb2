import { renderHook } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { closeWarnings, takeWarnings, useWarnings } from "./warnings";

const shown = () => renderHook(useWarnings).result.current;
afterEach(() => closeWarnings());

test("a warning is shown until it is dismissed, and only once for reads", () => {
  takeWarnings(null, false);
  expect(shown()).toEqual([]);
  takeWarnings("would%20violate%20PodSecurity%2C%20%E2%80%9Crestricted%E2%80%9D, another", true);
  takeWarnings("another", true);
  expect(shown()).toEqual(["would violate PodSecurity, “restricted”", "another"]);
  closeWarnings();
  takeWarnings("another", true);
  expect(shown()).toEqual([]);
  takeWarnings("another", false);
  expect(shown(), "a repeated change warns again").toEqual(["another"]);
});
