import Alert from "@mui/material/Alert";
import Snackbar from "@mui/material/Snackbar";
import { useState } from "react";
import type { ToastText } from "../../app/toasts";

/** A message that disappears by itself. */
export default function Toast({ toast: { text, severity } }: { toast: ToastText }) {
  const [open, setOpen] = useState(true);
  return (
    <Snackbar
      open={open}
      autoHideDuration={severity === "error" ? 12_000 : 5_000}
      onClose={(_, reason) => reason !== "clickaway" && setOpen(false)}
      anchorOrigin={{ vertical: "bottom", horizontal: "center" }}
    >
      <Alert
        severity={severity}
        variant="filled"
        role={severity === "error" ? "alert" : "status"}
        onClose={() => setOpen(false)}
        sx={{ maxWidth: 560 }}
      >
        {text}
      </Alert>
    </Snackbar>
  );
}
