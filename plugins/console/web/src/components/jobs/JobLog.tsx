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

/** The log of a job as it grows. */
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
  const [wanted, setWanted] = useState("");
  const [hit, setHit] = useState(0);
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
        buffer.clear(); // the server begins anew
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
      lost: () => setNotice("The connection is lost; trying again."),
      mayRetry: stillLoggedIn,
    });
    return () => {
      socket.close();
      cancelAnimationFrame(frame);
    };
  }, [name, place, buffer]);

  // eslint-disable-next-line react-hooks/exhaustive-deps -- the buffer changes in place; version says when
  const hits = useMemo(() => search(buffer.lines, wanted), [buffer, wanted, version]);
  const current = hits.length ? hits[Math.min(hit, hits.length - 1)]! : -1;
  const lines = useVirtualizer({
    count: buffer.lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 20,
    overscan: 20,
  });

  useEffect(() => {
    if (follow && !wanted && buffer.lines.length > 0) lines.scrollToIndex(buffer.lines.length - 1, { align: "end" });
  }, [version, follow, wanted, buffer, lines]);
  useEffect(() => {
    if (current >= 0) lines.scrollToIndex(current, { align: "center" });
  }, [current, lines]);

  const step = (by: number) => hits.length && setHit((Math.min(hit, hits.length - 1) + by + hits.length) % hits.length);
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
        ? `The log is complete: the job ${state?.phase ?? "has ended"}${exitCode}.`
        : "");
  return (
    <>
      <Box sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", gap: 1, px: 2, py: 1.25 }}>
        <OutlinedInput
          size="small"
          type="search"
          placeholder="Search"
          value={wanted}
          onChange={(event) => {
            setWanted(event.target.value);
            setHit(0);
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
        {wanted && (
          <>
            <Typography variant="body2" color="textSecondary" role="status">
              {hits.length ? `${Math.min(hit, hits.length - 1) + 1} of ${hits.length}` : "Not found"}
            </Typography>
            <IconButton size="small" aria-label="Previous" disabled={!hits.length} onClick={() => step(-1)}>
              <UpIcon />
            </IconButton>
            <IconButton size="small" aria-label="Next" disabled={!hits.length} onClick={() => step(1)}>
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
          <Box sx={{ px: 2, color: "text.secondary" }}>
            {ended ? "The job wrote nothing." : failure ? "" : "Nothing yet."}
          </Box>
        )}
        {buffer.dropped > 0 && (
          <Box sx={{ px: 2, color: "text.secondary" }}>
            {buffer.dropped.toLocaleString("en")} earlier lines are left out here; download the log for all.
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
              <Marked text={buffer.lines[item.index] ?? ""} wanted={wanted} />
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

/** A line with what is searched for marked; the text stays text. */
function Marked({ text, wanted }: { text: string; wanted: string }) {
  if (!wanted) return <>{text}</>;
  const parts: React.ReactNode[] = [];
  const lower = text.toLowerCase();
  const word = wanted.toLowerCase();
  let from = 0;
  for (let found = lower.indexOf(word); found >= 0; found = lower.indexOf(word, from)) {
    parts.push(text.slice(from, found), <mark key={found}>{text.slice(found, found + word.length)}</mark>);
    from = found + word.length;
  }
  parts.push(text.slice(from));
  return <>{parts}</>;
}
