import AddIcon from "@mui/icons-material/Add";
import CheckIcon from "@mui/icons-material/Check";
import CloseIcon from "@mui/icons-material/Close";
import DownIcon from "@mui/icons-material/ArrowDownward";
import LockIcon from "@mui/icons-material/LockOutlined";
import SearchIcon from "@mui/icons-material/Search";
import ShareIcon from "@mui/icons-material/PersonAddAltOutlined";
import TrashIcon from "@mui/icons-material/DeleteOutlined";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import ButtonBase from "@mui/material/ButtonBase";
import Chip from "@mui/material/Chip";
import IconButton from "@mui/material/IconButton";
import InputAdornment from "@mui/material/InputAdornment";
import OutlinedInput from "@mui/material/OutlinedInput";
import Tooltip from "@mui/material/Tooltip";
import Typography from "@mui/material/Typography";
import { useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { api, ask, type Secret } from "../api/client";
import { key, useSecrets } from "../api/queries";
import { usePlace } from "../app/place";
import { useToast } from "../app/toasts";
import { type SecretOrder, shownSecrets } from "../lib/secretList";
import { ago, moment } from "../lib/time";
import { AddSecretRow } from "../parts/AddSecretRow";
import { ShareDialog } from "../parts/ShareDialog";
import { Card, Empty, Failed, Notes, PageHeading, RowSkeletons } from "../parts/states";

const rowHeight = 60;
const columns = { xs: "minmax(0,1fr) 92px", sm: "minmax(0,5fr) minmax(90px,2fr) 104px", md: "minmax(0,5fr) minmax(110px,3fr) minmax(120px,2fr) 112px" };
const padding = { px: { xs: 2, sm: 3 } };

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
    }
  }, [place, refresh, toast]);

  const sortBy = (by: SecretOrder["by"]) => {
    setFresh("");
    setOrder((old) => ({ by, down: old.by === by ? !old.down : by === "created" }));
  };
  const heading = (by: SecretOrder["by"], text: string) => (
    <ButtonBase onClick={() => sortBy(by)} sx={{ font: "inherit", color: "inherit", gap: 0.5, borderRadius: 1 }}>
      {text}
      <DownIcon aria-hidden sx={{ fontSize: 15, visibility: order.by === by ? "visible" : "hidden", transform: order.down ? "none" : "rotate(180deg)" }} />
    </ButtonBase>
  );
  const sorted = (by: SecretOrder["by"]) => (order.by === by ? (order.down ? "descending" : "ascending") : "none");

  return (
    <>
      <PageHeading title="Secrets" />
      <Notes notes={secrets.data?.notes} />
      <Card>
        <Box sx={{ ...padding, py: 2, display: "flex", gap: 1.5, alignItems: "center" }}>
          <OutlinedInput size="small" type="search" value={search} onChange={(event) => setSearch(event.target.value)} placeholder="Search" inputProps={{ "aria-label": "Search secrets", autoComplete: "off", spellCheck: false }}
            startAdornment={<InputAdornment position="start"><SearchIcon fontSize="small" /></InputAdornment>} sx={{ flex: "1 1 auto", maxWidth: 340 }} />
          <Typography variant="body2" color="textSecondary" role="status" sx={{ flexGrow: 1, display: { xs: "none", sm: "block" } }}>
            {all && (search ? `${shown.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}` : `${all.length.toLocaleString("en")} ${all.length === 1 ? "secret" : "secrets"}`)}
          </Typography>
          <Tooltip title="Add a secret">
            <IconButton ref={addButton} aria-label="Add a secret" onClick={() => setAdding(true)} sx={{ bgcolor: "primary.main", color: "primary.contrastText", borderRadius: 1.25, ml: "auto", "&:hover": { bgcolor: "primary.dark" } }}><AddIcon /></IconButton>
          </Tooltip>
        </Box>
        {secrets.isError ? <Failed error={secrets.error} retry={() => void secrets.refetch()} /> : (
          <Box role="table" aria-label="Secrets" aria-rowcount={all ? shown.length + 1 : -1}>
            <Box role="rowgroup">
              <Box role="row" aria-rowindex={1} sx={{ ...padding, display: "grid", gridTemplateColumns: columns, columnGap: 2, py: 1, color: "text.secondary", fontSize: "0.8125rem", fontWeight: 600, borderTop: 1, borderBottom: 1, borderColor: "divider", bgcolor: "sunken" }}>
                <Box role="columnheader" aria-sort={sorted("key")}>{heading("key", "Key")}</Box>
                <Box role="columnheader" sx={{ display: { xs: "none", sm: "block" } }}>Value</Box>
                <Box role="columnheader" aria-sort={sorted("created")} sx={{ display: { xs: "none", md: "block" } }}>{heading("created", "Created")}</Box>
                <Box role="columnheader" sx={{ textAlign: "right" }}>Actions</Box>
              </Box>
            </Box>
            {adding && <AddSecretRow padding={padding} onSaved={saved} onCancel={stopAdding} />}
            {secrets.isPending ? <RowSkeletons /> : shown.length > 0 ? (
              <Rows secrets={shown} now={now} removing={removing} onAskRemove={setRemoving} onRemove={remove} onShare={setSharing} />
            ) : null}
          </Box>
        )}
        {secrets.isSuccess && shown.length === 0 && !adding && (
          search ? <Empty icon={<SearchIcon />} title="No key has this in it"><Button onClick={() => setSearch("")}>SHOW ALL</Button></Empty>
            : <Empty icon={<LockIcon />} title="You have no secrets yet">Keep passwords, tokens and key files here, and give them to your jobs without writing them down anywhere else.<Box sx={{ mt: 2 }}><Button variant="contained" startIcon={<AddIcon />} onClick={() => setAdding(true)}>ADD A SECRET</Button></Box></Empty>
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
  const rows = useWindowVirtualizer({ count: secrets.length, estimateSize: () => rowHeight, overscan: 8, scrollMargin: top, getItemKey: (i) => secrets[i]!.key });
  return (
    <Box role="rowgroup" ref={list} sx={{ position: "relative" }} style={{ height: rows.getTotalSize() }}>
      {rows.getVirtualItems().map((item) => (
        <Box key={item.key} role="row" aria-rowindex={item.index + 2} sx={{ position: "absolute", left: 0, right: 0, top: 0, height: rowHeight, borderBottom: item.index < secrets.length - 1 ? 1 : 0, borderColor: "divider" }}
          style={{ transform: `translateY(${item.start - top}px)` }}>
          <Row secret={secrets[item.index]!} now={now} removing={removing === secrets[item.index]!.key} onAskRemove={onAskRemove} onRemove={onRemove} onShare={onShare} />
        </Box>
      ))}
    </Box>
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
      <Box onKeyDown={(event) => event.key === "Escape" && onAskRemove("")} sx={{ ...padding, height: "100%", display: "flex", alignItems: "center", gap: 1, bgcolor: "sunken" }}>
        <Box role="cell" aria-colspan={3} sx={{ flex: 1, minWidth: 0 }}>
          <Typography role="alert" sx={{ fontWeight: 500, fontSize: { xs: "0.875rem", sm: "0.9375rem" }, lineHeight: 1.3 }}>You are about to remove the secret. Do you want to proceed?</Typography>
          {secret.usedBy.length > 0 && <Typography variant="caption" color="error" noWrap component="div">In use by {secret.usedBy.join(", ")}</Typography>}
        </Box>
        <Box role="cell" sx={{ display: "flex" }}>
          <Tooltip title="Remove"><IconButton aria-label={`Remove ${secret.key}`} color="error" disabled={busy} onClick={() => void go()}><CheckIcon /></IconButton></Tooltip>
          <Tooltip title="Cancel"><IconButton ref={cancel} aria-label="Cancel" disabled={busy} edge="end" onClick={() => onAskRemove("")}><CloseIcon /></IconButton></Tooltip>
        </Box>
      </Box>
    );
  }
  return (
    <Box sx={{ ...padding, height: "100%", display: "grid", gridTemplateColumns: columns, columnGap: 2, alignItems: "center", "&:hover": { bgcolor: "sunken" } }}>
      <Box role="cell" sx={{ minWidth: 0, display: "flex", gap: 1, alignItems: "center" }}>
        <Typography noWrap title={secret.key} sx={{ fontWeight: 500 }}>{secret.key}</Typography>
        {secret.shared && <Chip size="small" label="shared" variant="outlined" color="primary" />}
        {secret.usedBy.length > 0 && <Tooltip title={`In use by ${secret.usedBy.join(", ")}`}><Chip size="small" label="in use" variant="outlined" color="info" sx={{ display: { xs: "none", sm: "inline-flex" } }} /></Tooltip>}
      </Box>
      <Box role="cell" sx={{ color: "text.secondary", letterSpacing: "0.08em", display: { xs: "none", sm: "block" } }}>*********</Box>
      <Box role="cell" sx={{ color: "text.secondary", fontSize: "0.875rem", display: { xs: "none", md: "block" } }}><time dateTime={secret.created} title={moment(secret.created)}>{ago(secret.created, now)}</time></Box>
      <Box role="cell" sx={{ display: "flex", justifyContent: "flex-end" }}>
        <Tooltip title="Share"><IconButton aria-label={`Share ${secret.key}`} onClick={() => onShare(secret.key)}><ShareIcon /></IconButton></Tooltip>
        <Tooltip title="Remove"><IconButton ref={trash} aria-label={`Remove ${secret.key}`} edge="end" onClick={() => onAskRemove(secret.key)}><TrashIcon /></IconButton></Tooltip>
      </Box>
    </Box>
  );
});
