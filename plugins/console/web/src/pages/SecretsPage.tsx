import AddIcon from "@mui/icons-material/Add";
import DownIcon from "@mui/icons-material/ArrowDownward";
import LockIcon from "@mui/icons-material/LockOutlined";
import SearchIcon from "@mui/icons-material/Search";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { api, unwrap } from "../api/client";
import { key, useSecrets } from "../api/queries";
import { lazyWithRetry, withMui } from "../app/lazyWithRetry";
import { usePlace } from "../app/place";
import { useToast } from "../app/toasts";
import { Empty } from "../components/feedback/Empty";
import { Failed } from "../components/feedback/Failed";
import { RowSkeletons } from "../components/feedback/Loading";
import { Notes } from "../components/feedback/Notes";
import { SecretRows } from "../components/secrets/SecretRows";
import { Card } from "../components/ui/Card";
import { PageHeading } from "../components/ui/PageHeading";
import { useNow } from "../lib/hooks";
import { type SecretOrder, shownSecrets } from "../lib/secretList";

const AddSecretRow = lazyWithRetry(withMui(() => import("../components/secrets/AddSecretRow")));
const ShareDialog = lazyWithRetry(withMui(() => import("../components/secrets/ShareDialog")));

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
  const now = useNow(5_000);

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
  const saved = useCallback(
    async (name: string, created: boolean, bytes: number) => {
      setSearch("");
      setFresh(name);
      await refresh();
      stopAdding();
      const size = `${bytes.toLocaleString("en")} ${bytes === 1 ? "byte" : "bytes"}`;
      toast(`Secret ${name} ${created ? "saved" : "replaced"} (${size})`);
    },
    [refresh, stopAdding, toast],
  );
  const remove = useCallback(
    async (name: string) => {
      try {
        await unwrap(api.DELETE("/secrets/{key}", { params: { path: { key: name }, query: place } }));
        await refresh();
        setRemoving("");
        addButton.current?.focus();
        toast(`Secret ${name} removed`);
      } catch (error) {
        toast(error instanceof Error ? error.message : String(error), "error");
        setRemoving("");
        void refresh(); // a secret with a finalizer is now being deleted
      }
    },
    [place, refresh, toast],
  );

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
            <input
              type="search"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
              placeholder="Search"
              aria-label="Search secrets"
              autoComplete="off"
              spellCheck={false}
            />
          </label>
          <div className="small quiet from-600" role="status">
            {all &&
              (search
                ? `${shown.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}`
                : `${all.length.toLocaleString("en")} ${all.length === 1 ? "secret" : "secrets"}`)}
          </div>
          <button
            type="button"
            ref={addButton}
            data-tip="Add a secret"
            aria-label="Add a secret"
            className="icon-button add"
            onClick={() => setAdding(true)}
          >
            <AddIcon />
          </button>
        </div>
        {secrets.isError ? (
          <Failed error={secrets.error} retry={() => void secrets.refetch()} />
        ) : (
          <div role="table" aria-label="Secrets" aria-rowcount={all ? shown.length + 1 : -1} className="secrets">
            <div role="rowgroup">
              <div role="row" aria-rowindex={1} className="columns head">
                <div role="columnheader" aria-sort={sorted("key")}>
                  {heading("key", "Key")}
                </div>
                <div role="columnheader" className="from-600">
                  Value
                </div>
                <div role="columnheader" aria-sort={sorted("created")} className="from-900">
                  {heading("created", "Created")}
                </div>
                <div role="columnheader" className="end">
                  Actions
                </div>
              </div>
            </div>
            {adding && <AddSecretRow onSaved={saved} onCancel={stopAdding} />}
            {secrets.isPending ? (
              <RowSkeletons />
            ) : shown.length > 0 ? (
              <SecretRows
                secrets={shown}
                now={now}
                removing={removing}
                onAskRemove={setRemoving}
                onRemove={remove}
                onShare={setSharing}
              />
            ) : null}
          </div>
        )}
        {secrets.isSuccess &&
          shown.length === 0 &&
          !adding &&
          (search ? (
            <Empty icon={<SearchIcon />} title="No matching secrets">
              <button type="button" className="button" onClick={() => setSearch("")}>
                SHOW ALL
              </button>
            </Empty>
          ) : (
            <Empty icon={<LockIcon />} title="No secrets yet">
              Store passwords, tokens and key files here, and use them in your jobs.
              <div>
                <button type="button" className="button contained" onClick={() => setAdding(true)}>
                  <AddIcon />
                  ADD A SECRET
                </button>
              </div>
            </Empty>
          ))}
      </Card>
      {sharing && <ShareDialog secret={sharing} onClose={() => setSharing("")} />}
    </>
  );
}
