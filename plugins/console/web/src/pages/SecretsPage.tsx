import AddIcon from "@mui/icons-material/Add";
import CheckIcon from "@mui/icons-material/Check";
import CloseIcon from "@mui/icons-material/Close";
import DownIcon from "@mui/icons-material/ArrowDownward";
import LockIcon from "@mui/icons-material/LockOutlined";
import SearchIcon from "@mui/icons-material/Search";
import ShareIcon from "@mui/icons-material/PersonAddAltOutlined";
import TrashIcon from "@mui/icons-material/DeleteOutlined";
import { useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { api, ask, type Secret } from "../api/client";
import { key, useSecrets } from "../api/queries";
import { loaded, withMui } from "../app/loaded";
import { usePlace } from "../app/place";
import { useToast } from "../app/toasts";
import { type SecretOrder, shownSecrets } from "../lib/secretList";
import { ago, moment } from "../lib/time";
import { Card, Empty, Failed, Notes, PageHeading, RowSkeletons } from "../parts/states";

const AddSecretRow = loaded(withMui(() => import("../parts/AddSecretRow")));
const ShareDialog = loaded(withMui(() => import("../parts/ShareDialog")));

const rowHeight = 60;

export default function SecretsPage() {
  const place = usePlace();
  const secrets = useSecrets();
  const queries = useQueryClient();
  const toast = useToast();
  const [adding, setAdding] = useState(false);
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState<SecretOrder>({ by: "key", down: false });
  const [removing, setRemoving] = useState("");
  const [sharing, setSharing] = useState("");
  const [fresh, setFresh] = useState("");
  const addButton = useRef<HTMLButtonElement>(null);
  const now = Date.now();

  const all = secrets.data?.items;
  const shown = useMemo(() => shownSecrets(all ?? [], search, order, fresh), [all, search, order, fresh]);
  const refresh = useCallback(() => {
    void queries.invalidateQueries({ queryKey: key("usable", place) });
    return queries.invalidateQueries({ queryKey: key("secrets", place) });
  }, [queries, place]);

  const stopAdding = useCallback(() => {
    setAdding(false);
    addButton.current?.focus();
  }, []);
  const saved = useCallback(async (name: string, created: boolean, bytes: number) => {
    setSearch("");
    setFresh(name);
    await refresh();
    stopAdding();
    toast(`Secret ${name} is ${created ? "saved" : "replaced"} (${bytes.toLocaleString("en")} ${bytes === 1 ? "byte" : "bytes"})`);
  }, [refresh, stopAdding, toast]);
  const remove = useCallback(async (name: string) => {
    try {
      await ask(api.DELETE("/secrets/{key}", { params: { path: { key: name }, query: place } }));
      await refresh();
      setRemoving("");
      addButton.current?.focus();
      toast(`Secret ${name} is removed`);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "error");
      setRemoving("");
      void refresh(); // what a finalizer holds is being deleted now
    }
  }, [place, refresh, toast]);

  const sortBy = (by: SecretOrder["by"]) => {
    setFresh("");
    setOrder((old) => ({ by, down: old.by === by ? !old.down : by === "created" }));
  };
  const heading = (by: SecretOrder["by"], text: string) => (
    <button type="button" className="sort" onClick={() => sortBy(by)}>
      {text}
      {order.by === by && <DownIcon style={{ fontSize: 15, transform: order.down ? "none" : "rotate(180deg)" }} />}
    </button>
  );
  const sorted = (by: SecretOrder["by"]) => (order.by === by ? (order.down ? "descending" : "ascending") : "none");

  return (
    <>
      <PageHeading title="Secrets" />
      <Notes notes={secrets.data?.notes} />
      <Card>
        <div className="row toolbar">
          <label className="search">
            <SearchIcon fontSize="small" />
            <input type="search" value={search} onChange={(event) => setSearch(event.target.value)} placeholder="Search" aria-label="Search secrets" autoComplete="off" spellCheck={false} />
          </label>
          <div className="small quiet from-600" role="status">
            {all && (search ? `${shown.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}` : `${all.length.toLocaleString("en")} ${all.length === 1 ? "secret" : "secrets"}`)}
          </div>
          <button type="button" ref={addButton} data-tip="Add a secret" aria-label="Add a secret" className="icon-button add" onClick={() => setAdding(true)}><AddIcon /></button>
        </div>
        {secrets.isError ? <Failed error={secrets.error} retry={() => void secrets.refetch()} /> : (
          <div role="table" aria-label="Secrets" aria-rowcount={all ? shown.length + 1 : -1} className="secrets">
            <div role="rowgroup">
              <div role="row" aria-rowindex={1} className="columns head">
                <div role="columnheader" aria-sort={sorted("key")}>{heading("key", "Key")}</div>
                <div role="columnheader" className="from-600">Value</div>
                <div role="columnheader" aria-sort={sorted("created")} className="from-900">{heading("created", "Created")}</div>
                <div role="columnheader" className="end">Actions</div>
              </div>
            </div>
            {adding && <AddSecretRow onSaved={saved} onCancel={stopAdding} />}
            {secrets.isPending ? <RowSkeletons /> : shown.length > 0 ? (
              <Rows secrets={shown} now={now} removing={removing} onAskRemove={setRemoving} onRemove={remove} onShare={setSharing} />
            ) : null}
          </div>
        )}
        {secrets.isSuccess && shown.length === 0 && !adding && (
          search ? <Empty icon={<SearchIcon />} title="No key has this in it"><button type="button" className="button" onClick={() => setSearch("")}>SHOW ALL</button></Empty>
            : <Empty icon={<LockIcon />} title="You have no secrets yet">Keep passwords, tokens and key files here, and give them to your jobs without writing them down anywhere else.<div><button type="button" className="button contained" onClick={() => setAdding(true)}><AddIcon />ADD A SECRET</button></div></Empty>
        )}
      </Card>
      {sharing && <ShareDialog secret={sharing} onClose={() => setSharing("")} />}
    </>
  );
}

interface RowsProps {
  secrets: Secret[];
  now: number;
  removing: string;
  onAskRemove(key: string): void;
  onRemove(key: string): Promise<void>;
  onShare(key: string): void;
}

/** Only the rows that can be seen, so that thousands cost nothing. */
function Rows({ secrets, now, removing, onAskRemove, onRemove, onShare }: RowsProps) {
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
  const rows = useWindowVirtualizer({ count: secrets.length, estimateSize: () => rowHeight, overscan: 5, scrollMargin: top, getItemKey: (i) => secrets[i]!.key });
  return (
    <div role="rowgroup" ref={list} className="rows" style={{ height: rows.getTotalSize() }}>
      {rows.getVirtualItems().map((item) => (
        <div key={item.key} role="row" aria-rowindex={item.index + 2} style={{ height: rowHeight, transform: `translateY(${item.start - top}px)` }}>
          <Row secret={secrets[item.index]!} now={now} removing={removing === secrets[item.index]!.key} onAskRemove={onAskRemove} onRemove={onRemove} onShare={onShare} />
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
  const was = useRef(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (removing) cancel.current?.focus();
    else if (was.current) trash.current?.focus();
    was.current = removing;
  }, [removing]);
  if (removing) {
    const go = async () => {
      setBusy(true);
      await onRemove(secret.key);
      setBusy(false);
    };
    return (
      <div className="columns asking" onKeyDown={(event) => event.key === "Escape" && onAskRemove("")}>
        <div role="cell" aria-colspan={3} className="grow">
          <p role="alert">You are about to remove the secret. Do you want to proceed?</p>
          {secret.usedBy.length > 0 && <div className="caption cut in-use">In use by {secret.usedBy.join(", ")}</div>}
        </div>
        <div role="cell" className="end">
          <button type="button" className="icon-button danger" data-tip="Remove" aria-label={`Remove ${secret.key}`} disabled={busy} onClick={() => void go()}><CheckIcon /></button>
          <button type="button" className="icon-button" ref={cancel} data-tip="Cancel" aria-label="Cancel" disabled={busy} onClick={() => onAskRemove("")}><CloseIcon /></button>
        </div>
      </div>
    );
  }
  return (
    <div className="columns">
      <div role="cell" className="key">
        <span className="cut" title={secret.key}>{secret.key}</span>
        {secret.deleted && <span className="chip" title={secret.deleted}>being deleted</span>}
        {secret.shared && <span className="chip">shared</span>}
        {secret.usedBy.length > 0 && <span className="chip in-use from-600" data-tip={`In use by ${secret.usedBy.join(", ")}`}>in use</span>}
      </div>
      <div role="cell" className="value from-600">*********</div>
      <div role="cell" className="small quiet from-900"><time dateTime={secret.created} title={moment(secret.created)}>{ago(secret.created, now)}</time></div>
      <div role="cell" className="end">
        <button type="button" className="icon-button" data-tip="Share" aria-label={`Share ${secret.key}`} onClick={() => onShare(secret.key)}><ShareIcon /></button>
        <button type="button" className="icon-button" ref={trash} data-tip="Remove" aria-label={`Remove ${secret.key}`} onClick={() => onAskRemove(secret.key)}><TrashIcon /></button>
      </div>
    </div>
  );
});
