import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogContentText from "@mui/material/DialogContentText";
import DialogTitle from "@mui/material/DialogTitle";
import { useId, useState } from "react";
import { api, unwrap } from "../../api/client";
import { usePlace } from "../../app/place";
import { useToast } from "../../app/toasts";

export function KillDialog({ name, onClose, onKilled }: { name: string; onClose(): void; onKilled?(): void }) {
  const place = usePlace();
  const toast = useToast();
  const title = useId();
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const kill = async () => {
    setBusy(true);
    try {
      await unwrap(api.DELETE("/jobs/{name}", { params: { path: { name }, query: place } }));
      toast(`Job ${name} killed`);
      onClose();
      onKilled?.();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={busy ? undefined : onClose} aria-labelledby={title} maxWidth="xs" fullWidth>
      <DialogTitle id={title} component="h2" sx={{ overflowWrap: "anywhere" }}>
        Kill {name}?
      </DialogTitle>
      <DialogContent>
        <DialogContentText>This stops the job and deletes it with its log.</DialogContentText>
        {failure && (
          <Alert severity="error" role="alert" sx={{ mt: 2 }}>
            {failure}
          </Alert>
        )}
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2.5 }}>
        <Button color="inherit" autoFocus onClick={onClose} disabled={busy}>
          CANCEL
        </Button>
        <Button variant="contained" color="error" loading={busy} onClick={() => void kill()}>
          KILL
        </Button>
      </DialogActions>
    </Dialog>
  );
}
