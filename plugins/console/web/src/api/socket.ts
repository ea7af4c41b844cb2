/** The dependencies of a ReconnectingSocket; tests replace them. */
export interface SocketWorld {
  open(url: string, protocols: string[]): WebSocket;
  /** Random numbers from 0 to 1. */
  random(): number;
}

const browser: SocketWorld = { open: (url, protocols) => new WebSocket(url, protocols), random: Math.random };

export interface SocketHandlers {
  /** A text message, read as JSON. Return "done" to end for good. */
  message(frame: unknown): "done" | void;
  /** A new connection was opened; the server starts again from the beginning. */
  opened?(): void;
  /** The connection was lost or failed; the next attempt is in retryIn milliseconds. */
  lost?(retryIn: number): void;
  /** Called before retrying a connection that never opened; false stops for good. */
  mayRetry?(): Promise<boolean>;
}

const firstWait = 500;
const maxWait = 15_000;

/** A WebSocket that reconnects with increasing delays until it is closed. */
export class ReconnectingSocket {
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly protocols: string[],
    private readonly handlers: SocketHandlers,
    private readonly world: SocketWorld = browser,
  ) {
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private connect(): void {
    let opened = false;
    const socket = this.world.open(this.url, this.protocols);
    this.socket = socket;
    socket.onopen = () => {
      opened = true;
      this.handlers.opened?.();
    };
    socket.onmessage = (event) => {
      if (this.closed || typeof event.data !== "string") return;
      this.failures = 0;
      if (this.handlers.message(JSON.parse(event.data)) === "done") this.close();
    };
    socket.onclose = () => {
      if (!this.closed) void this.retry(opened);
    };
  }

  private async retry(opened: boolean): Promise<void> {
    const wait = Math.min(maxWait, firstWait * 2 ** this.failures++) * (0.75 + this.world.random() / 2);
    this.handlers.lost?.(wait);
    if (!opened && this.handlers.mayRetry && !(await this.handlers.mayRetry())) {
      this.close();
      return;
    }
    if (!this.closed) this.timer = setTimeout(() => this.connect(), wait);
  }
}
