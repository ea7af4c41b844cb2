import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";
import { answerRequest, forgetServer } from "./server";

configure({ asyncUtilTimeout: 30_000 }); // for busy machines

// A browser resolves relative addresses; Node.js needs absolute ones.
const NodeRequest = globalThis.Request;
globalThis.Request = class extends NodeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(input instanceof NodeRequest ? input : new URL(input, location.href).href, init);
  }
};
globalThis.fetch = answerRequest;

// What jsdom does not have.
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
globalThis.CSS = { escape: (text: string) => text.replace(/[^\w-]/g, "\\$&") } as typeof CSS;

afterEach(() => {
  cleanup();
  forgetServer();
  history.replaceState(null, "", "/");
});
