import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";
import { answerRequest, forgetServer } from "./server";

configure({ asyncUtilTimeout: 30_000 }); // as a busy machine needs it

// A browser resolves the address of a request; Node.js wants it whole.
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
