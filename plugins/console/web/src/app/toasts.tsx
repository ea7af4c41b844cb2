import Alert from "@mui/material/Alert";
import Snackbar from "@mui/material/Snackbar";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";

type Severity = "success" | "error";
interface Toast {
  id: number;
  text: string;
  severity: Severity;
}

const Context = createContext<(text: string, severity?: Severity) => void>(() => undefined);

/** Tells the user, on the screen and by voice, what came of something. */
export const useToast = () => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<Toast>();
  const [open, setOpen] = useState(false);
  const show = useCallback((text: string, severity: Severity = "success") => {
    setToast((old) => ({ id: (old?.id ?? 0) + 1, text, severity }));
    setOpen(true);
  }, []);
  const message = useMemo(() => toast?.text ?? "", [toast]);
  return (
    <Context.Provider value={show}>
      {children}
      <Snackbar
        key={toast?.id}
        open={open}
        autoHideDuration={toast?.severity === "error" ? 12_000 : 5_000}
        onClose={(_, reason) => reason !== "clickaway" && setOpen(false)}
        anchorOrigin={{ vertical: "bottom", horizontal: "center" }}
      >
        <Alert severity={toast?.severity ?? "success"} variant="filled" role={toast?.severity === "error" ? "alert" : "status"} onClose={() => setOpen(false)} sx={{ maxWidth: 560 }}>
          {message}
        </Alert>
      </Snackbar>
    </Context.Provider>
  );
}
