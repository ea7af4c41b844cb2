import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ReconnectingSocket } from "./socket";

class FakeSocket {
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: () => void;
  closed = false;
  close() {
    this.closed = true;
  }
}

let sockets: FakeSocket[];
const world = {
  open: () => {
    sockets.push(new FakeSocket());
    return sockets.at(-1) as unknown as WebSocket;
  },
  random: () => 0.5,
};
const last = () => sockets.at(-1)!;

beforeEach(() => {
  sockets = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it("reconnects with increasing delays, which a message resets", async () => {
  const lost = vi.fn();
  new ReconnectingSocket("ws://x", [], { message: () => undefined, lost }, world);
  for (const wait of [500, 1_000, 2_000]) {
    last().onclose!();
    await vi.advanceTimersByTimeAsync(wait - 1);
    const before = sockets.length;
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets.length).toBe(before + 1);
  }
  last().onopen!();
  last().onmessage!({ data: "{}" });
  last().onclose!();
  expect(lost.mock.calls.flat()).toEqual([500, 1_000, 2_000, 500]);
});

it("waits at most 15 seconds", async () => {
  const lost = vi.fn();
  new ReconnectingSocket("ws://x", [], { message: () => undefined, lost }, world);
  for (let i = 0; i < 10; i++) {
    last().onclose!();
    await vi.advanceTimersByTimeAsync(15_000);
  }
  expect(Math.max(...(lost.mock.calls.flat() as number[]))).toBe(15_000);
});

it("ends when a message says so", async () => {
  new ReconnectingSocket(
    "ws://x",
    [],
    { message: (frame) => ((frame as { end?: boolean }).end ? "done" : undefined) },
    world,
  );
  last().onmessage!({ data: '{"end":true}' });
  expect(last().closed).toBe(true);
  last().onclose!();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets.length).toBe(1);
});

it("calls mayRetry before it retries a connection that never opened", async () => {
  const mayRetry = vi.fn().mockResolvedValue(false);
  new ReconnectingSocket("ws://x", [], { message: () => undefined, mayRetry }, world);
  last().onclose!();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(mayRetry).toHaveBeenCalledOnce();
  expect(sockets.length).toBe(1);
});

it("does nothing once it is closed", async () => {
  const message = vi.fn();
  const socket = new ReconnectingSocket("ws://x", [], { message }, world);
  socket.close();
  last().onmessage!({ data: "{}" });
  last().onclose!();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(message).not.toHaveBeenCalled();
  expect(sockets.length).toBe(1);
});
