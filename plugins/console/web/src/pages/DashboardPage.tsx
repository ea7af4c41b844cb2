import BoxIcon from "@mui/icons-material/Inventory2Outlined";
import PlayIcon from "@mui/icons-material/PlayArrow";
import { useState } from "react";
import { Link } from "wouter";
import type { Action, Job } from "../api/client";
import { useActions, useLiveJobs, usePresets } from "../api/queries";
import { lazyWithRetry, withMui } from "../app/lazyWithRetry";
import { useScope } from "../app/place";
import { ConnectionWarning } from "../components/feedback/ConnectionWarning";
import { Empty } from "../components/feedback/Empty";
import { Failed } from "../components/feedback/Failed";
import { RowSkeletons } from "../components/feedback/Loading";
import { Notes } from "../components/feedback/Notes";
import { StatusChip } from "../components/jobs/StatusChip";
import { Ago } from "../components/ui/Ago";
import { Card } from "../components/ui/Card";
import { PageHeading } from "../components/ui/PageHeading";
import { active } from "../lib/jobList";

const RunDialog = lazyWithRetry(withMui(() => import("../components/run/RunDialog")));

export function DashboardPage() {
  const actions = useActions();
  usePresets(); // prefetched for the dialog
  const [chosen, setChosen] = useState<Action>();
  return (
    <>
      <PageHeading title="Dashboard" />
      <Notes notes={actions.data?.notes} />
      <div className="dashboard">
        <Card label="Actions">
          <div className="inside">
            <h2 style={{ marginBottom: 16 }}>Actions</h2>
            {actions.isError ? (
              <Failed error={actions.error} retry={() => void actions.refetch()} />
            ) : (
              <ul className="actions">
                {actions.data?.items.map((action) => (
                  <ActionCard key={action.name} action={action} onRun={() => setChosen(action)} />
                )) ?? [0, 1].map((i) => <li key={i} className="skeleton" style={{ height: 158 }} />)}
              </ul>
            )}
          </div>
        </Card>
        <RunningJobs />
      </div>
      {chosen && <RunDialog action={chosen} onClose={() => setChosen(undefined)} />}
    </>
  );
}

function ActionCard({ action, onRun }: { action: Action; onRun(): void }) {
  return (
    <li className="action">
      <h3>{action.title}</h3>
      <p className="small">{action.description || action.image}</p>
      <button type="button" className="button contained" onClick={onRun} aria-label={`RUN A JOB: ${action.title}`}>
        <PlayIcon />
        RUN A JOB
      </button>
    </li>
  );
}

function RunningJobs() {
  const { at } = useScope();
  const { jobs, trouble } = useLiveJobs();
  const running = jobs?.filter(active);
  return (
    <Card label="Running jobs">
      <div className="row" style={{ alignItems: "baseline", padding: "var(--edge) var(--edge) 8px" }}>
        <h2 className="grow">Running jobs</h2>
        {!!running?.length && (
          <div className="small quiet" role="status">
            {running.length}
          </div>
        )}
      </div>
      <ConnectionWarning text={trouble} />
      {!running ? (
        !trouble && <RowSkeletons rows={3} />
      ) : running.length === 0 ? (
        <Empty icon={<BoxIcon />} title="No running jobs">
          Run an action to start one.
        </Empty>
      ) : (
        <ul style={{ paddingBottom: 8 }}>
          {running.slice(0, 10).map((job) => (
            <li key={job.uid}>
              <JobLine job={job} />
            </li>
          ))}
          {running.length > 10 && (
            <li style={{ padding: "10px var(--edge)" }}>
              <Link href={at("/jobs")}>View all {running.length} running jobs</Link>
            </li>
          )}
        </ul>
      )}
    </Card>
  );
}

function JobLine({ job }: { job: Job }) {
  const { at } = useScope();
  return (
    <Link href={at(`/jobs/${job.name}`)} className="job-line">
      <div className="row">
        <span className="grow cut strong" title={job.name}>
          {job.name}
        </span>
        <StatusChip job={job} />
      </div>
      <div className="row small quiet">
        <span className="grow cut" title={job.image}>
          {job.reason && job.status !== "running" ? job.reason : job.image}
        </span>
        <span>
          <Ago time={job.created} />
        </span>
      </div>
    </Link>
  );
}
