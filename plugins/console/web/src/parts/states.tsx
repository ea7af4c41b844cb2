import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import CircularProgress from "@mui/material/CircularProgress";
import Paper from "@mui/material/Paper";
import Skeleton from "@mui/material/Skeleton";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useWhere } from "../app/place";

/** The heading of a page, with what one can do at its right. */
export function PageHeading({ title, children, above }: { title: string; children?: ReactNode; above?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Apolo Console`;
  }, [title]);
  return (
    <Box sx={{ mb: 2.5 }}>
      {above}
      <Box sx={{ display: "flex", flexWrap: "wrap", gap: 1.5, alignItems: "center", minHeight: 40 }}>
        <Typography variant="h1" sx={{ flexGrow: 1, minWidth: 0 }}>{title}</Typography>
        {children}
      </Box>
    </Box>
  );
}

export function Card({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <Paper component={label ? "section" : "div"} aria-label={label} sx={{ border: 1, borderColor: "divider", borderRadius: 1.75, overflow: "clip" }}>
      {children}
    </Paper>
  );
}

export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <Box sx={{ textAlign: "center", px: 3, py: 7, color: "text.secondary" }}>
      <Box sx={{ mx: "auto", mb: 2, width: 64, height: 64, borderRadius: "50%", display: "grid", placeItems: "center", bgcolor: "sunken", "& svg": { fontSize: 30, color: "primary.main" } }}>{icon}</Box>
      <Typography variant="h3" component="p" color="textPrimary">{title}</Typography>
      {children && <Typography variant="body2" component="div" sx={{ mt: 0.75, maxWidth: 420, mx: "auto" }}>{children}</Typography>}
    </Box>
  );
}

/** What went wrong, what to do, and a way to try again. */
export function Failed({ error, retry }: { error: unknown; retry?(): void }) {
  const message = error instanceof Error ? error.message : String(error);
  const forbidden = error instanceof ApiError && error.status === 403;
  return (
    <Alert severity={forbidden ? "warning" : "error"} sx={{ m: 2 }} action={retry && <Button color="inherit" size="small" onClick={retry}>TRY AGAIN</Button>}>
      {message}
      {forbidden && <Typography variant="body2" sx={{ mt: 0.5 }}>Ask who manages this namespace for that right, or choose another namespace.</Typography>}
    </Alert>
  );
}

export function Notes({ notes }: { notes: string[] | undefined }) {
  if (!notes?.length) return null;
  return (
    <Alert severity="info" sx={{ mb: 2 }}>
      {notes.slice(0, 5).map((note) => <div key={note}>{note}</div>)}
      {notes.length > 5 && <div>and {notes.length - 5} more</div>}
    </Alert>
  );
}

export function RowSkeletons({ rows = 4 }: { rows?: number }) {
  return (
    <Box role="status" aria-label="Loading" sx={{ px: 2.5, py: 1 }}>
      {Array.from({ length: rows }, (_, i) => <Skeleton key={i} height={44} sx={{ transform: "none", my: 1 }} />)}
    </Box>
  );
}

export function Loading() {
  return <Box sx={{ display: "grid", placeItems: "center", minHeight: "50vh" }}><CircularProgress aria-label="Loading" /></Box>;
}

export function NotFound() {
  const { at } = useWhere();
  return (
    <>
      <PageHeading title="Not found" />
      <Typography>There is no such page. Go to the <Link href={at("/dashboard")}>Dashboard</Link>.</Typography>
    </>
  );
}
