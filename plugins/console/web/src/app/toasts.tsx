import { createContext, type ReactNode, useCallback, useContext, useState } from "react";
import { lazyWithRetry, withMui } from "./lazyWithRetry";

type Severity = "success" | "error";
export interface ToastText {
  id: number;
  text: string;
  severity: Severity;
}

const Context = createContext<(text: string, severity?: Severity) => void>(() => undefined);
const Toast = lazyWithRetry(withMui(() => import("../components/feedback/Toast")));

/** Shows the outcome of an action, also to screen readers. */
export const useToast = () => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<ToastText>();
  const show = useCallback(
    (text: string, severity: Severity = "success") => setToast((old) => ({ id: (old?.id ?? 0) + 1, text, severity })),
    [],
  );
  return (
    <Context.Provider value={show}>
      {children}
      {toast && <Toast key={toast.id} toast={toast} />}
    </Context.Provider>
  );
}
