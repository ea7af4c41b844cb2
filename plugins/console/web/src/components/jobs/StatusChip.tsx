import type { Job } from "../../api/client";

const labels: Record<Job["status"], string> = {
  pending: "Pending",
  suspended: "Suspended",
  running: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
};

export const statusLabel = (status: Job["status"]) => labels[status];

export function StatusChip({ job: { status } }: { job: Pick<Job, "status"> }) {
  return (
    <span className={`status ${status}${status === "running" || status === "pending" ? " live" : ""}`}>
      {labels[status]}
    </span>
  );
}
