import DownIcon from "@mui/icons-material/KeyboardArrowDown";
import DownloadIcon from "@mui/icons-material/DownloadOutlined";
import SearchIcon from "@mui/icons-material/Search";
import UpIcon from "@mui/icons-material/KeyboardArrowUp";
import Box from "@mui/material/Box";
import FormControlLabel from "@mui/material/FormControlLabel";
import IconButton from "@mui/material/IconButton";
import InputAdornment from "@mui/material/InputAdornment";
import OutlinedInput from "@mui/material/OutlinedInput";
import Switch from "@mui/material/Switch";
import Typography from "@mui/material/Typography";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { downloadLog, type JobState, type LogFrame, sentence, socketAddress, stillLoggedIn } from "../../api/client";
import { ReconnectingSocket } from "../../api/socket";
import { usePlace } from "../../app/place";
import { useToast } from "../../app/toasts";
import { LogBuffer, search } from "../../lib/logBuffer";
import { monospace } from "../../theme";

/** The live log of a job. */
export function JobLog({ name }: { name: string }) {
  const place = usePlace();
  const toast = useToast();
  const [buffer] = useState(() => new LogBuffer());
  const [version, setVersion] = useState(0);
  const [state, setState] = useState<JobState>();
  const [notice, setNotice] = useState("");
  const [failure, setFailure] = useState("");
  const [ended, setEnded] = useState(false);
  const [follow, setFollow] = useState(true);
  const [query, setQuery] = useState("");
  const [matchIndex, setMatchIndex] = useState(0);
  const [saving, setSaving] = useState(false);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let frame = 0;
    const redraw = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setVersion((old) => old + 1);
      });
    };
    const socket = new ReconnectingSocket(...socketAddress(`/jobs/${encodeURIComponent(name)}/log`, place), {
      opened: () => {
        buffer.clear(); // the server starts again from the beginning
        setNotice("");
        setFailure("");
        redraw();
      },
      message: (message) => {
        const log = message as LogFrame;
        if (log.data) buffer.append(log.data);
        if (log.state) setState(log.state);
        if (log.notice) setNotice(log.notice);
        if (log.data) redraw();
        if (log.error) setFailure(log.error);
        if (log.end) setEnded(true);
        return log.error || log.end ? "done" : undefined;
      },
      lost: () => setNotice("Connection lost. Reconnecting…"),
      mayRetry: stillLoggedIn,
    });
    return () => {
      socket.close();
      cancelAnimationFrame(frame);
    };
  }, [name, place, buffer]);

  // eslint-disable-next-line react-hooks/exhaustive-deps -- the buffer changes in place; version says when
  const matches = useMemo(() => search(buffer.lines, query), [buffer, query, version]);
  const current = matches.length ? matches[Math.min(matchIndex, matches.length - 1)]! : -1;
  const lines = useVirtualizer({
    count: buffer.lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 20,
    overscan: 20,
  });

  useEffect(() => {
    if (follow && !query && buffer.lines.length > 0) lines.scrollToIndex(buffer.lines.length - 1, { align: "end" });
  }, [version, follow, query, buffer, lines]);
  useEffect(() => {
    if (current >= 0) lines.scrollToIndex(current, { align: "center" });
  }, [current, lines]);

  const step = (by: number) =>
    matches.length && setMatchIndex((Math.min(matchIndex, matches.length - 1) + by + matches.length) % matches.length);
  const save = async () => {
    setSaving(true);
    try {
      await downloadLog(place, name);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "error");
    }
    setSaving(false);
  };
  const waiting =
    state &&
    (state.phase === "pending" ||
      state.phase === "pulling" ||
      state.phase === "suspended" ||
      (state.phase === "finishing" && state.reason) ||
      state.phase === "stuck");
  const exitCode = state?.exitCode === undefined ? "" : ` with exit code ${state.exitCode}`;
  const status =
    failure ||
    notice ||
    (waiting
      ? [state.reason, state.message].filter(Boolean).join(": ") || "Waiting for the job to start"
      : ended
        ? `End of log: the job ${state?.phase ?? "has ended"}${exitCode}.`
        : "");
  return (
    <>
      <Box sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", gap: 1, px: 2, py: 1.25 }}>
        <OutlinedInput
          size="small"
          type="search"
          placeholder="Search"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setMatchIndex(0);
          }}
          inputProps={{ "aria-label": "Search the log", autoComplete: "off" }}
          onKeyDown={(event) => event.key === "Enter" && step(event.shiftKey ? -1 : 1)}
          startAdornment={
            <InputAdornment position="start">
              <SearchIcon fontSize="small" />
            </InputAdornment>
          }
          sx={{ flex: "1 1 170px", maxWidth: 300 }}
        />
        {query && (
          <>
            <Typography variant="body2" color="textSecondary" role="status">
              {matches.length ? `${Math.min(matchIndex, matches.length - 1) + 1} of ${matches.length}` : "No matches"}
            </Typography>
            <IconButton size="small" aria-label="Previous match" disabled={!matches.length} onClick={() => step(-1)}>
              <UpIcon />
            </IconButton>
            <IconButton size="small" aria-label="Next match" disabled={!matches.length} onClick={() => step(1)}>
              <DownIcon />
            </IconButton>
          </>
        )}
        <FormControlLabel
          sx={{ ml: "auto", mr: 0.5, gap: 0.5 }}
          control={<Switch size="small" checked={follow} onChange={(event) => setFollow(event.target.checked)} />}
          label="Follow"
        />
        <IconButton
          data-tip="Download the log"
          aria-label="Download the log"
          loading={saving}
          onClick={() => void save()}
        >
          <DownloadIcon />
        </IconButton>
      </Box>
      <Box
        ref={box}
        role="log"
        aria-label={`Log of ${name}`}
        aria-live="off"
        tabIndex={0}
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
        onKeyDown={(event) =>
          (event.key === "PageUp" || event.key === "Home" || event.key === "ArrowUp") && setFollow(false)
        }
        sx={{
          height: "max(280px, calc(100dvh - 350px))",
          overflowY: "auto",
          bgcolor: "sunken",
          borderTop: 1,
          borderBottom: 1,
          borderColor: "divider",
          fontFamily: monospace,
          fontSize: "0.8125rem",
          lineHeight: "20px",
          py: 1,
          overflowAnchor: "none",
          "&:focus-visible": { outlineOffset: "-2px" },
        }}
      >
        {buffer.lines.length === 0 && (
          <Box sx={{ px: 2, color: "text.secondary" }}>{ended ? "No output" : failure ? "" : "No output yet"}</Box>
        )}
        {buffer.dropped > 0 && (
          <Box sx={{ px: 2, color: "text.secondary" }}>
            {buffer.dropped.toLocaleString("en")} earlier lines are not shown. Download the log to see them.
          </Box>
        )}
        <Box sx={{ position: "relative" }} style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map((item) => (
            <Box
              key={item.key}
              ref={lines.measureElement}
              data-index={item.index}
              sx={{
                position: "absolute",
                top: 0,
                left: 0,
                right: 0,
                px: 2,
                whiteSpace: "pre-wrap",
                overflowWrap: "anywhere",
                minHeight: 20,
                ...(item.index === current && { outline: "1px solid", outlineColor: "primary.main" }),
              }}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <Highlighted text={buffer.lines[item.index] ?? ""} query={query} />
            </Box>
          ))}
        </Box>
      </Box>
      <Typography
        variant="body2"
        role="status"
        color={failure ? "error" : "textSecondary"}
        sx={{ px: 2, py: 1.25, minHeight: 42 }}
      >
        {sentence(status)}
      </Typography>
    </>
  );
}

/** A line with the matches highlighted, as plain text. */
function Highlighted({ text, query }: { text: string; query: string }) {
  if (!query) return <>{text}</>;
  const parts: React.ReactNode[] = [];
  const lower = text.toLowerCase();
  const word = query.toLowerCase();
  let from = 0;
  for (let found = lower.indexOf(word); found >= 0; found = lower.indexOf(word, from)) {
    parts.push(text.slice(from, found), <mark key={found}>{text.slice(found, found + word.length)}</mark>);
    from = found + word.length;
  }
  parts.push(text.slice(from));
  return <>{parts}</>;
}
