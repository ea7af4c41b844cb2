import CheckIcon from "@mui/icons-material/Check";
import CloseIcon from "@mui/icons-material/Close";
import TrashIcon from "@mui/icons-material/DeleteOutlined";
import ShareIcon from "@mui/icons-material/PersonAddAltOutlined";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Secret } from "../../api/client";
import { ago, formatTime } from "../../lib/time";

const rowHeight = 60;

interface RowsProps {
  secrets: Secret[];
  now: number;
  removing: string;
  onAskRemove(key: string): void;
  onRemove(key: string): Promise<void>;
  onShare(key: string): void;
}

/** Renders only the visible rows, so that thousands cost nothing. */
export function SecretRows({ secrets, now, removing, onAskRemove, onRemove, onShare }: RowsProps) {
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const measure = () => setTop(element.getBoundingClientRect().top + window.scrollY);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const rows = useWindowVirtualizer({
    count: secrets.length,
    estimateSize: () => rowHeight,
    overscan: 5,
    scrollMargin: top,
    getItemKey: (i) => secrets[i]!.key,
  });
  return (
    <div role="rowgroup" ref={list} className="rows" style={{ height: rows.getTotalSize() }}>
      {rows.getVirtualItems().map((item) => (
        <div
          key={item.key}
          role="row"
          aria-rowindex={item.index + 2}
          style={{ height: rowHeight, transform: `translateY(${item.start - top}px)` }}
        >
          <Row
            secret={secrets[item.index]!}
            now={now}
            removing={removing === secrets[item.index]!.key}
            onAskRemove={onAskRemove}
            onRemove={onRemove}
            onShare={onShare}
          />
        </div>
      ))}
    </div>
  );
}

interface RowProps extends Omit<RowsProps, "secrets" | "removing"> {
  secret: Secret;
  removing: boolean;
}

const Row = memo(function Row({ secret, now, removing, onAskRemove, onRemove, onShare }: RowProps) {
  const trash = useRef<HTMLButtonElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const wasRemoving = useRef(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (removing) cancel.current?.focus();
    else if (wasRemoving.current) trash.current?.focus();
    wasRemoving.current = removing;
  }, [removing]);
  if (removing) {
    const go = async () => {
      setBusy(true);
      await onRemove(secret.key);
      setBusy(false);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === "Escape") onAskRemove("");
    };
    return (
      <div className="columns asking">
        <div role="cell" aria-colspan={3} className="grow">
          <p role="alert">You are about to remove the secret. Do you want to proceed?</p>
          {secret.usedBy.length > 0 && <div className="caption cut in-use">In use by {secret.usedBy.join(", ")}</div>}
        </div>
        <div role="cell" className="end">
          <button
            type="button"
            className="icon-button danger"
            data-tip="Remove"
            aria-label={`Remove ${secret.key}`}
            disabled={busy}
            onClick={() => void go()}
            onKeyDown={onKeyDown}
          >
            <CheckIcon />
          </button>
          <button
            type="button"
            className="icon-button"
            ref={cancel}
            data-tip="Cancel"
            aria-label="Cancel"
            disabled={busy}
            onClick={() => onAskRemove("")}
            onKeyDown={onKeyDown}
          >
            <CloseIcon />
          </button>
        </div>
      </div>
    );
  }
  return (
    <div className="columns">
      <div role="cell" className="key">
        <span className="cut" title={secret.key}>
          {secret.key}
        </span>
        {secret.deleted && (
          <span className="chip" title={secret.deleted}>
            being deleted
          </span>
        )}
        {secret.shared && <span className="chip">shared</span>}
        {secret.usedBy.length > 0 && (
          <span className="chip in-use from-600" data-tip={`In use by ${secret.usedBy.join(", ")}`}>
            in use
          </span>
        )}
      </div>
      <div role="cell" className="value from-600">
        *********
      </div>
      <div role="cell" className="small quiet from-900">
        <time dateTime={secret.created} title={formatTime(secret.created)}>
          {ago(secret.created, now)}
        </time>
      </div>
      <div role="cell" className="end">
        <button
          type="button"
          className="icon-button"
          data-tip="Share"
          aria-label={`Share ${secret.key}`}
          onClick={() => onShare(secret.key)}
        >
          <ShareIcon />
        </button>
        <button
          type="button"
          className="icon-button"
          ref={trash}
          data-tip="Remove"
          aria-label={`Remove ${secret.key}`}
          onClick={() => onAskRemove(secret.key)}
        >
          <TrashIcon />
        </button>
      </div>
    </div>
  );
});
