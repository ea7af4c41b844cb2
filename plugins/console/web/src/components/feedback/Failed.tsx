import { ApiError } from "../../api/client";
import { Message } from "./Message";

/** An error, what to do about it, and a button to retry. */
export function Failed({ error, retry }: { error: unknown; retry?(): void }) {
  const message = error instanceof Error ? error.message : String(error);
  const forbidden = error instanceof ApiError && error.status === 403;
  return (
    <div className="within">
      <Message
        severity={forbidden ? "warning" : "error"}
        action={
          retry && (
            <button type="button" className="button inherit" onClick={retry}>
              TRY AGAIN
            </button>
          )
        }
      >
        {message}
        {forbidden && <div>Ask an administrator of this namespace for permission, or choose another namespace.</div>}
      </Message>
    </div>
  );
}
