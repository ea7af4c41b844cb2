import { sentence } from "../../api/client";
import { Message } from "./Message";

/** Says why there are no updates at the moment, and disappears by itself. */
export function ConnectionWarning({ text }: { text: string }) {
  return (
    <div role="status" className="within">
      {text && (
        <Message severity="warning" quiet>
          {sentence(text)}
        </Message>
      )}
    </div>
  );
}
