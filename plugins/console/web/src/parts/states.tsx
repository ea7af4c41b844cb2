import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useWhere } from "../app/place";
import { Message } from "./Message";

/** The heading of a page, with what one can do at its right. */
export function PageHeading({ title, children, above }: { title: string; children?: ReactNode; above?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Apolo Console`;
  }, [title]);
  return (
    <div className="heading">
      {above}
      <div>
        <h1>{title}</h1>
        {children}
      </div>
    </div>
  );
}

export function Card({ children, label }: { children: ReactNode; label?: string }) {
  return label ? <section className="card" aria-label={label}>{children}</section> : <div className="card">{children}</div>;
}

export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <div className="picture">{icon}</div>
      <p className="h3">{title}</p>
      {children && <div className="small">{children}</div>}
    </div>
  );
}

/** What went wrong, what to do, and a way to try again. */
export function Failed({ error, retry }: { error: unknown; retry?(): void }) {
  const message = error instanceof Error ? error.message : String(error);
  const forbidden = error instanceof ApiError && error.status === 403;
  return (
    <div className="within">
      <Message severity={forbidden ? "warning" : "error"} action={retry && <button type="button" className="button inherit" onClick={retry}>TRY AGAIN</button>}>
        {message}
        {forbidden && <div>Ask who manages this namespace for that right, or choose another namespace.</div>}
      </Message>
    </div>
  );
}

export function Notes({ notes }: { notes: string[] | undefined }) {
  if (!notes?.length) return null;
  return (
    <div className="notes"><Message severity="info">
      {notes.slice(0, 5).map((note) => <div key={note}>{note}</div>)}
      {notes.length > 5 && <div>and {notes.length - 5} more</div>}
    </Message></div>
  );
}

export function RowSkeletons({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="skeletons">
      {Array.from({ length: rows }, (_, i) => <div key={i} className="skeleton" />)}
    </div>
  );
}

export function Loading() {
  return <div className="loading"><div role="progressbar" aria-label="Loading" className="spinner" /></div>;
}

export function NotFound() {
  const { at } = useWhere();
  return (
    <>
      <PageHeading title="Not found" />
      <p>There is no such page. Go to the <Link href={at("/dashboard")}>Dashboard</Link>.</p>
    </>
  );
}
