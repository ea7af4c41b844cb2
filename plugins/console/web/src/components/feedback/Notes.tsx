import { Message } from "./Message";

/** Notes of the server about its response. */
export function Notes({ notes }: { notes: string[] | undefined }) {
  if (!notes?.length) return null;
  return (
    <div className="notes">
      <Message severity="info">
        {notes.slice(0, 5).map((note) => (
          <div key={note}>{note}</div>
        ))}
        {notes.length > 5 && <div>and {notes.length - 5} more</div>}
      </Message>
    </div>
  );
}
