import Box from "@mui/material/Box";
import type { Job } from "../api/client";

const looks: Record<Job["status"], { color: string; label: string; live?: boolean }> = {
  pending: { color: "warning.main", label: "Pending", live: true },
  suspended: { color: "text.secondary", label: "Suspended" },
  running: { color: "info.main", label: "Running", live: true },
  succeeded: { color: "success.main", label: "Succeeded" },
  failed: { color: "error.main", label: "Failed" },
  cancelled: { color: "text.secondary", label: "Cancelled" },
};

export function StatusChip({ job }: { job: Pick<Job, "status"> }) {
  const { color, label, live } = looks[job.status];
  return (
    <Box component="span" sx={{ display: "inline-flex", alignItems: "center", gap: 0.875, color, fontWeight: 600, fontSize: "0.8125rem", whiteSpace: "nowrap" }}>
      <Box component="span" aria-hidden sx={{ width: 8, height: 8, borderRadius: "50%", bgcolor: "currentColor", flexShrink: 0,
        ...(live && { "@keyframes apolo-pulse": { "50%": { opacity: 0.35 } }, animation: "apolo-pulse 1.8s ease-in-out infinite" }) }} />
      {label}
    </Box>
  );
}

export const statusLabel = (status: Job["status"]) => looks[status].label;
