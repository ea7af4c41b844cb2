import TrashIcon from "@mui/icons-material/DeleteOutlined";
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import IconButton from "@mui/material/IconButton";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useRef, useState } from "react";
import { api, ApiError, unwrap, type Grant, type Level, sentence } from "../../api/client";
import { key, useGrants } from "../../api/queries";
import { usePlace } from "../../app/place";
import { useToast } from "../../app/toasts";
import { checkGrantee } from "../../lib/validate";
import { Failed } from "../feedback/Failed";
import { RowSkeletons } from "../feedback/Loading";
import { Ends } from "../ui/Ends";

const kinds: Record<string, string> = { User: "User", Group: "Group", ServiceAccount: "Service account" };

export function granteeLabel(grantee: Grant["grantee"]): string {
  return grantee.kind === "User"
    ? grantee.name
    : `${grantee.name} (${(kinds[grantee.kind] ?? grantee.kind).toLowerCase()})`;
}

/** Lists, grants and revokes access to a secret. */
export default function ShareDialog({ secret, onClose }: { secret: string; onClose(): void }) {
  const place = usePlace();
  const queries = useQueryClient();
  const toast = useToast();
  const title = useId();
  const small = useMediaQuery("(max-width: 600px)", { noSsr: true });
  const grants = useGrants(secret);
  const [who, setWho] = useState("");
  const [level, setLevel] = useState<Level>("read");
  const [complaint, setComplaint] = useState("");
  const [failure, setFailure] = useState("");
  const [warning, setWarning] = useState("");
  const [busy, setBusy] = useState("");
  const input = useRef<HTMLInputElement>(null);

  const changed = () => {
    for (const what of ["access", "secrets"]) void queries.invalidateQueries({ queryKey: key(what, place) });
    return queries.invalidateQueries({ queryKey: key("grants", place, secret) });
  };
  const share = async (event: FormEvent) => {
    event.preventDefault();
    const grantee = who.trim();
    const wrong = checkGrantee(grantee);
    setComplaint(wrong ?? "");
    setFailure("");
    setWarning("");
    if (wrong) {
      input.current?.focus();
      return;
    }
    setBusy("share");
    try {
      const got = await unwrap(
        api.POST("/secrets/{key}/access", {
          params: { path: { key: secret }, query: place },
          body: { grantee, level },
        }),
      );
      toast(`${granteeLabel(got.grantee)} has ${got.level} access to ${secret}`);
      setWho("");
      setWarning(got.warning ?? "");
      await changed();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError && error.field === "grantee") setComplaint(message);
      else setFailure(message);
    }
    setBusy("");
    input.current?.focus();
  };
  const remove = async (grant: Grant) => {
    setBusy(grant.grantee.id);
    setFailure("");
    setWarning("");
    try {
      await unwrap(
        api.DELETE("/secrets/{key}/access/{grantee}", {
          params: { path: { key: secret, grantee: grant.grantee.id }, query: place },
        }),
      );
      toast(`${granteeLabel(grant.grantee)} no longer has access to ${secret}`);
      await changed();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
    setBusy("");
    input.current?.focus();
  };

  return (
    <Dialog
      open
      onClose={onClose}
      fullWidth
      maxWidth="sm"
      fullScreen={small}
      aria-labelledby={title}
      slotProps={{ paper: { sx: small ? { border: 0, borderRadius: 0 } : undefined } }}
    >
      <DialogTitle
        id={title}
        component="h2"
        sx={{ fontSize: "1.25rem", fontWeight: 600, letterSpacing: "-0.015em", overflowWrap: "anywhere" }}
      >
        Share {secret}
      </DialogTitle>
      <DialogContent sx={{ display: "grid", gap: 2, alignContent: "start" }}>
        {failure && (
          <Alert severity="error" role="alert">
            {failure}
          </Alert>
        )}
        {warning && (
          <Alert severity="warning" role="alert">
            {sentence(warning)}
          </Alert>
        )}
        <Box
          component="form"
          noValidate
          onSubmit={(event) => void share(event)}
          sx={{
            display: "grid",
            gap: 1.5,
            gridTemplateColumns: { xs: "1fr", sm: "1fr 130px auto" },
            alignItems: "start",
          }}
        >
          <TextField
            inputRef={input}
            autoFocus
            required
            label="Share with"
            value={who}
            error={!!complaint}
            helperText={complaint || "A user, group:NAME or sa:NAMESPACE:NAME"}
            onChange={(event) => {
              setWho(event.target.value);
              setComplaint("");
            }}
            slotProps={{ htmlInput: { autoComplete: "off", spellCheck: false, autoCapitalize: "off" } }}
          />
          <TextField select label="Level" value={level} onChange={(event) => setLevel(event.target.value as Level)}>
            {(["read", "write", "manage"] as const).map((one) => (
              <MenuItem key={one} value={one}>
                {one}
              </MenuItem>
            ))}
          </TextField>
          <Button type="submit" variant="contained" loading={busy === "share"} sx={{ height: 52 }}>
            SHARE
          </Button>
        </Box>
        <Box>
          <Typography variant="h3" component="h3" sx={{ mb: 0.5 }}>
            Who has access
          </Typography>
          {grants.isError ? (
            <Failed error={grants.error} retry={() => void grants.refetch()} />
          ) : grants.isPending ? (
            <RowSkeletons rows={2} />
          ) : grants.data.items.length === 0 ? (
            <Typography variant="body2" color="textSecondary" sx={{ py: 1.5 }}>
              Only users with access to the whole namespace
            </Typography>
          ) : (
            <Box component="ul" sx={{ listStyle: "none", m: 0, p: 0 }}>
              {grants.data.items.map((grant) => (
                <Box
                  component="li"
                  key={grant.grantee.id + grant.level + (grant.ends ?? "")}
                  sx={{
                    display: "flex",
                    alignItems: "center",
                    gap: 1.5,
                    py: 1,
                    borderBottom: 1,
                    borderColor: "divider",
                    "&:last-of-type": { border: 0 },
                  }}
                >
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <Box sx={{ fontWeight: 600, overflowWrap: "anywhere" }}>{grant.grantee.name}</Box>
                    <Typography variant="caption" color="textSecondary">
                      {kinds[grant.grantee.kind] ?? grant.grantee.kind}
                    </Typography>
                    {grant.warning && (
                      <Typography variant="caption" component="div" sx={{ color: "warning.main" }}>
                        {sentence(grant.warning)}
                      </Typography>
                    )}
                  </Box>
                  <Typography variant="body2">
                    {grant.level}
                    {(grant.ends || grant.endsProblem) && (
                      <>
                        , ends <Ends ends={grant.ends} problem={grant.endsProblem} />
                      </>
                    )}
                  </Typography>
                  <IconButton
                    data-tip="Revoke access"
                    aria-label={`Revoke access from ${grant.grantee.name}`}
                    disabled={busy !== ""}
                    onClick={() => void remove(grant)}
                  >
                    <TrashIcon />
                  </IconButton>
                </Box>
              ))}
            </Box>
          )}
        </Box>
      </DialogContent>
      <DialogActions sx={{ px: 3, py: 2 }}>
        <Button onClick={onClose}>CLOSE</Button>
      </DialogActions>
    </Dialog>
  );
}
