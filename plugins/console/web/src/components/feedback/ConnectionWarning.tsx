import { sentence } from "../../api/client";
import { Message } from "./Message";

/** Why nothing new comes at the moment; it goes away by itself. */
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
