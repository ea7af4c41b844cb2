import { ApiError } from "../../api/client";
import { Message } from "./Message";

/** What went wrong, what to do, and a way to try again. */
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
        {forbidden && <div>Ask who manages this namespace for that right, or choose another namespace.</div>}
      </Message>
    </div>
  );
}
