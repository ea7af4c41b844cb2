import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Typography from "@mui/material/Typography";
import { useEffect, useRef, useState } from "react";
import { sentence, socketAddress, stillLoggedIn, type TerminalOutput } from "../../api/client";
import { usePlace } from "../../app/place";
import { useMode } from "../../lib/mode";
import { withStyleNonce } from "../../lib/nonce";
import { monospace } from "../../theme";

const colours = {
  light: {
    background: "#fbfaff",
    foreground: "#1d1a26",
    cursor: "#4b2e83",
    selectionBackground: "#d8cdf0",
    black: "#1d1a26",
    red: "#b3261e",
    green: "#1d6b3c",
    yellow: "#8a5300",
    blue: "#2559a8",
    magenta: "#7a2f92",
    cyan: "#0f6674",
    white: "#5b5668",
    brightBlack: "#6a6478",
    brightRed: "#c9372c",
    brightGreen: "#237a46",
    brightYellow: "#93600c",
    brightBlue: "#2f6bd0",
    brightMagenta: "#8e3fa8",
    brightCyan: "#12798a",
    brightWhite: "#35313f",
  },
  dark: {
    background: "#16131d",
    foreground: "#edeaf5",
    cursor: "#c4b0f5",
    selectionBackground: "#4a3d6b",
    black: "#2b2735",
    red: "#ff9b91",
    green: "#7fd49f",
    yellow: "#f4bd6a",
    blue: "#9cc2ff",
    magenta: "#dca6f2",
    cyan: "#7fd6e0",
    white: "#d5d0e0",
    brightBlack: "#8d869c",
    brightRed: "#ffb4ab",
    brightGreen: "#9be5b6",
    brightYellow: "#ffd594",
    brightBlue: "#b9d4ff",
    brightMagenta: "#ecc4fb",
    brightCyan: "#a3e8f0",
    brightWhite: "#ffffff",
  },
};

const maxTries = 6;

/** A terminal in a running job. Closing the page does not affect the job. */
export default function JobTerminal({ name }: { name: string }) {
  const place = usePlace();
  const theme = useMode();
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const firstTheme = useRef<keyof typeof colours>(theme);
  const tries = useRef(0);
  const [attempt, setAttempt] = useState(0);
  const [status, setStatus] = useState("Connecting…");
  const [ended, setEnded] = useState(false);
  const [typing, setTyping] = useState(false);

  useEffect(() => {
    const holder = box.current!;
    const screen = new Terminal({
      fontFamily: monospace,
      fontSize: 14,
      lineHeight: 1.2,
      cursorBlink: true,
      scrollback: 5_000,
      allowProposedApi: false,
      screenReaderMode: true,
      theme: colours[firstTheme.current],
      linkHandler: { activate: () => undefined }, // links in the output are not followed
    });
    // The output of a job must not reach the clipboard (OSC 52) or change the title of the page.
    for (const sequence of [0, 1, 2, 8, 52]) screen.parser.registerOscHandler(sequence, () => true);
    const fit = new FitAddon();
    screen.loadAddon(fit);
    withStyleNonce(() => screen.open(holder));
    terminal.current = screen;
    // Every other key goes to the job, including Tab.
    screen.attachCustomKeyEventHandler((event) => {
      if (event.type === "keydown" && event.ctrlKey && event.altKey && event.code === "KeyQ") {
        document.getElementById("leave-terminal")?.focus();
        return false;
      }
      return true;
    });

    const socket = new WebSocket(...socketAddress(`/jobs/${encodeURIComponent(name)}/terminal`, place));
    socket.binaryType = "arraybuffer";
    const encoder = new TextEncoder();
    const send = (data: Uint8Array<ArrayBuffer>) => {
      for (let i = 0; i < data.length; i += 32_768)
        if (socket.readyState === WebSocket.OPEN) socket.send(data.slice(i, i + 32_768));
    };
    let closing = false;
    let explained = false;
    let opened = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const resize = () => {
      if (holder.offsetWidth === 0) return;
      fit.fit();
    };
    screen.onData((text) => send(encoder.encode(text)));
    screen.onBinary((text) => send(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    const sendSize = () =>
      socket.readyState === WebSocket.OPEN &&
      socket.send(JSON.stringify({ resize: { cols: screen.cols, rows: screen.rows } }));
    screen.onResize(sendSize);
    socket.onopen = () => {
      opened = true;
      setStatus("Waiting for the job…");
      resize();
      sendSize();
      screen.focus();
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (typeof event.data !== "string") {
        setStatus("Connected");
        tries.current = 0;
        screen.write(new Uint8Array(event.data));
        return;
      }
      const output = JSON.parse(event.data) as TerminalOutput;
      if (output.state) {
        const { phase, reason, message } = output.state;
        setStatus(
          phase === "running" ? "Connected" : [`The job is ${phase}`, reason, message].filter(Boolean).join(": "),
        );
      }
      if (output.notice) setStatus(output.notice);
      if (output.error) setStatus(output.error);
      if (output.exit) setStatus(`The terminal session ended with exit code ${output.exit.code}`);
      if (output.error || output.exit) {
        explained = true;
        setEnded(true);
      }
    };
    socket.onclose = () => {
      screen.options.disableStdin = true;
      screen.options.cursorBlink = false;
      if (closing) return;
      if (explained || tries.current >= maxTries) {
        setEnded(true);
        if (!explained) setStatus("Connection lost. The job is still running.");
        return;
      }
      setStatus("Connection lost. Reconnecting…");
      void (opened ? Promise.resolve(true) : stillLoggedIn()).then((may) => {
        if (may && !closing) timer = setTimeout(() => setAttempt((old) => old + 1), 500 * 2 ** tries.current++);
      });
    };
    const observer = new ResizeObserver(resize);
    observer.observe(holder);
    return () => {
      closing = true;
      clearTimeout(timer);
      observer.disconnect();
      socket.close();
      screen.dispose();
      terminal.current = undefined;
    };
  }, [name, place, attempt]);

  useEffect(() => {
    firstTheme.current = theme;
    if (terminal.current) terminal.current.options.theme = colours[theme];
  }, [theme]);

  return (
    <>
      <Box sx={{ display: "flex", alignItems: "center", gap: 1.5, px: 2, py: 1, minHeight: 48 }}>
        <Typography
          variant="body2"
          role="status"
          color={ended ? "error" : "textSecondary"}
          sx={{ flex: 1, minWidth: 0 }}
        >
          {sentence(status)}
          {typing && !ended && (
            <Box component="span" sx={{ display: { xs: "none", md: "inline" } }}>
              {" "}
              · Press Ctrl+Alt+Q to leave the terminal
            </Box>
          )}
        </Typography>
        <Button
          id="leave-terminal"
          size="small"
          onClick={() => {
            setEnded(false);
            setStatus("Connecting…");
            tries.current = 0;
            setAttempt(attempt + 1);
          }}
          sx={{ visibility: ended ? "visible" : "hidden", "&:focus": { visibility: "visible" } }}
        >
          RECONNECT
        </Button>
      </Box>
      <Box
        role="group"
        aria-label={`Terminal of ${name}`}
        onFocus={() => setTyping(true)}
        onBlur={() => setTyping(false)}
        sx={{
          height: "max(320px, calc(100dvh - 300px))",
          p: 1.5,
          bgcolor: colours[theme].background,
          borderTop: 1,
          borderColor: "divider",
          boxShadow: typing ? "inset 0 0 0 2px var(--mui-palette-primary-main)" : "none",
          "& .xterm": { height: "100%" },
          "& .xterm-viewport": { backgroundColor: "transparent !important" },
        }}
      >
        <Box ref={box} sx={{ height: "100%", overflow: "hidden" }} />
      </Box>
    </>
  );
}
