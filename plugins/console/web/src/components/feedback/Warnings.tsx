import CloseIcon from "@mui/icons-material/Close";
import { closeWarnings, useWarnings } from "../../lib/warnings";
import { Message } from "./Message";

/** The warnings of the cluster, until the user dismisses them. */
export function Warnings() {
  const warnings = useWarnings();
  if (warnings.length === 0) return null;
  return (
    <div className="notes">
      <Message
        severity="warning"
        action={
          <button type="button" className="icon-button" aria-label="Dismiss warnings" onClick={closeWarnings}>
            <CloseIcon />
          </button>
        }
      >
        {warnings.map((text) => (
          <div key={text} className="wrap">
            {text}
          </div>
        ))}
      </Message>
    </div>
  );
}
