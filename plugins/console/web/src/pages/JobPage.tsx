import BackIcon from "@mui/icons-material/ArrowBack";
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Tab from "@mui/material/Tab";
import Tabs from "@mui/material/Tabs";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import BoxIcon from "@mui/icons-material/Inventory2Outlined";
import { ApiError, sentence } from "../api/client";
import { useJob, useLiveJobs } from "../api/queries";
import { lazyWithRetry } from "../app/lazyWithRetry";
import { useScope } from "../app/place";
import { Empty } from "../components/feedback/Empty";
import { Failed } from "../components/feedback/Failed";
import { Loading, RowSkeletons } from "../components/feedback/Loading";
import { Notes } from "../components/feedback/Notes";
import { JobFacts } from "../components/jobs/JobFacts";
import { JobLog } from "../components/jobs/JobLog";
import { KillDialog } from "../components/jobs/KillDialog";
import { StatusChip } from "../components/jobs/StatusChip";
import { Card } from "../components/ui/Card";
import { PageHeading } from "../components/ui/PageHeading";
import { active } from "../lib/jobList";

const JobTerminal = lazyWithRetry(() => import("../components/jobs/JobTerminal"), <Loading />);
const tabs = ["details", "log", "terminal"] as const;

export default function JobPage({ name, tab }: { name: string; tab: string }) {
  const { at } = useScope();
  const [, navigate] = useLocation();
  const { jobs } = useLiveJobs();
  const live = jobs?.find((job) => job.name === name);
  const job = useJob(name, live ? JSON.stringify(live) : jobs ? "gone" : "");
  const [killing, setKilling] = useState(false);
  const shown = tabs.find((one) => one === tab) ?? "details";
  const gone = job.error instanceof ApiError && job.error.status === 404;
  const now = live ?? job.data;
  return (
    <>
      <PageHeading
        title={name}
        above={
          <Button component={Link} href={at("/jobs")} size="small" startIcon={<BackIcon />} sx={{ ml: -0.5, mb: 0.5 }}>
            JOBS
          </Button>
        }
      >
        {now && <StatusChip job={now} />}
        {now && !gone && (
          <Button variant="outlined" color="error" size="small" onClick={() => setKilling(true)}>
            KILL
          </Button>
        )}
      </PageHeading>
      {gone ? (
        <Card>
          <Empty icon={<BoxIcon />} title="Job not found">
            It was killed, or it was deleted some time after it ended. <Link href={at("/jobs")}>All jobs</Link>
          </Empty>
        </Card>
      ) : (
        <>
          {now?.message && now.status !== "succeeded" && (
            <Alert severity={now.status === "failed" ? "error" : "warning"} sx={{ mb: 2 }} role="status">
              <strong>{now.reason}</strong>
              {now.reason && ": "}
              {sentence(now.message)}
            </Alert>
          )}
          <Notes notes={job.data?.notes} />
          <Card>
            <Tabs
              value={shown}
              onChange={(_, value: string) =>
                navigate(at(`/jobs/${name}${value === "details" ? "" : `/${value}`}`), { replace: true })
              }
              aria-label="Job"
              sx={{ px: { xs: 1, sm: 2 }, borderBottom: 1, borderColor: "divider" }}
            >
              {tabs.map((one) => (
                <Tab
                  key={one}
                  value={one}
                  id={`tab-${one}`}
                  aria-controls="job-panel"
                  label={one[0]!.toUpperCase() + one.slice(1)}
                  sx={{ textTransform: "none" }}
                />
              ))}
            </Tabs>
            <Box role="tabpanel" id="job-panel" aria-labelledby={`tab-${shown}`}>
              {shown === "log" ? (
                <JobLog name={name} />
              ) : shown === "terminal" ? (
                job.isPending && !live ? (
                  <RowSkeletons />
                ) : now && !active(now) ? (
                  <Empty icon={<BoxIcon />} title="This job has ended">
                    A terminal needs a running job. The log is still available.
                  </Empty>
                ) : (
                  <JobTerminal name={name} />
                )
              ) : job.isError ? (
                <Failed error={job.error} retry={() => void job.refetch()} />
              ) : job.isPending ? (
                <RowSkeletons rows={6} />
              ) : (
                <JobFacts job={job.data} />
              )}
            </Box>
          </Card>
        </>
      )}
      {killing && <KillDialog name={name} onClose={() => setKilling(false)} onKilled={() => navigate(at("/jobs"))} />}
    </>
  );
}
