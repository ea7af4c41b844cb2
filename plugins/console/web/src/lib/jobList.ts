import type { Job, JobsFrame } from "../api/client";

export const active = (job: Job) => job.status === "running" || job.status === "pending" || job.status === "suspended";

/** Applies a message of jobs/events to the list of jobs, newest first. */
export function applyFrame(jobs: Job[] | undefined, frame: JobsFrame): Job[] | undefined {
  switch (frame.type) {
    case "list":
      return sorted(frame.items ?? []);
    case "set": {
      const job = frame.job;
      return job ? sorted([...(jobs ?? []).filter((old) => old.uid !== job.uid), job]) : jobs;
    }
    case "delete":
      return jobs?.filter((old) => old.uid !== frame.uid);
    default:
      return jobs;
  }
}

function sorted(jobs: Job[]): Job[] {
  return jobs.toSorted((a, b) => b.created.localeCompare(a.created) || a.name.localeCompare(b.name));
}

export type StatusFilter = "active" | "all" | Job["status"];

/** The jobs with a status that contain all words of a search. */
export function filterJobs(jobs: Job[], status: StatusFilter, search: string): Job[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return jobs.filter((job) => {
    if (status === "active" ? !active(job) : status !== "all" && job.status !== status) return false;
    const text = [job.name, job.image, job.reason, ...job.command, ...job.tags].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
