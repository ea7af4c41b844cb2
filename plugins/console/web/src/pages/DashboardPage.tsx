import BoxIcon from "@mui/icons-material/Inventory2Outlined";
import PlayIcon from "@mui/icons-material/PlayArrow";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import Skeleton from "@mui/material/Skeleton";
import Typography from "@mui/material/Typography";
import { useState } from "react";
import { Link } from "wouter";
import type { Action, Job } from "../api/client";
import { useActions, useLiveJobs, usePresets } from "../api/queries";
import { loaded } from "../app/loaded";
import { useWhere } from "../app/place";
import { active } from "../lib/jobList";
import { Ago } from "../parts/Ago";
import { Card, Empty, Failed, Notes, PageHeading, RowSkeletons } from "../parts/states";
import { StatusChip } from "../parts/StatusChip";
import { Trouble } from "../parts/Trouble";

const RunDialog = loaded(() => import("../parts/RunDialog"));

export function DashboardPage() {
  const actions = useActions();
  usePresets(); // so that the dialog opens with them
  const [chosen, setChosen] = useState<Action>();
  return (
    <>
      <PageHeading title="Dashboard" />
      <Notes notes={actions.data?.notes} />
      <Box sx={{ display: "grid", gap: 3, alignItems: "start", gridTemplateColumns: { xs: "minmax(0,1fr)", lg: "minmax(0,1fr) 380px" } }}>
        <Card label="Actions">
          <Box sx={{ p: { xs: 2, sm: 3 } }}>
            <Typography variant="h2" sx={{ mb: 2 }}>Actions</Typography>
            {actions.isError ? <Failed error={actions.error} retry={() => void actions.refetch()} /> : (
              <Box component="ul" sx={{ display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fill, minmax(min(260px, 100%), 1fr))", p: 0, m: 0, listStyle: "none" }}>
                {actions.data?.items.map((action) => <ActionCard key={action.name} action={action} onRun={() => setChosen(action)} />)
                  ?? [0, 1].map((i) => <li key={i}><Skeleton variant="rounded" height={158} sx={{ borderRadius: 1.75 }} /></li>)}
              </Box>
            )}
          </Box>
        </Card>
        <RunningJobs />
      </Box>
      {chosen && <RunDialog action={chosen} onClose={() => setChosen(undefined)} />}
    </>
  );
}

function ActionCard({ action, onRun }: { action: Action; onRun(): void }) {
  return (
    <Paper component="li" sx={{ border: 1, borderColor: "divider", borderRadius: 1.75, p: 2.25, display: "flex", flexDirection: "column", alignItems: "flex-start", gap: 0.75, minHeight: 158, minWidth: 0,
      transition: "border-color .15s, box-shadow .15s", "&:hover": { borderColor: "primary.light", boxShadow: "0 4px 18px rgb(75 46 131 / 0.09)" } }}>
      <Typography variant="h3">{action.title}</Typography>
      <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1, display: "-webkit-box", WebkitBoxOrient: "vertical", WebkitLineClamp: 3, overflow: "hidden" }}>{action.description || action.image}</Typography>
      <Button variant="contained" startIcon={<PlayIcon />} onClick={onRun} aria-label={`RUN A JOB: ${action.title}`} sx={{ mt: 1 }}>RUN A JOB</Button>
    </Paper>
  );
}

function RunningJobs() {
  const { at } = useWhere();
  const { jobs, trouble } = useLiveJobs();
  const running = jobs?.filter(active);
  return (
    <Card label="Running jobs">
      <Box sx={{ display: "flex", alignItems: "baseline", gap: 1, px: { xs: 2, sm: 3 }, pt: { xs: 2, sm: 3 }, pb: 1 }}>
        <Typography variant="h2" sx={{ flexGrow: 1 }}>Running jobs</Typography>
        {!!running?.length && <Typography variant="body2" color="textSecondary" role="status">{running.length}</Typography>}
      </Box>
      <Trouble text={trouble} />
      {!running ? !trouble && <RowSkeletons rows={3} /> : running.length === 0 ? (
        <Empty icon={<BoxIcon />} title="You have no running jobs">Start one with an action.</Empty>
      ) : (
        <Box component="ul" sx={{ listStyle: "none", m: 0, p: 0, pb: 1 }}>
          {running.slice(0, 10).map((job) => <li key={job.uid}><JobLine job={job} /></li>)}
          {running.length > 10 && <Box component="li" sx={{ px: 3, py: 1.25 }}><Link href={at("/jobs")}>All {running.length} running jobs</Link></Box>}
        </Box>
      )}
    </Card>
  );
}

function JobLine({ job }: { job: Job }) {
  const { at } = useWhere();
  return (
    <Box component={Link} href={at(`/jobs/${job.name}`)} sx={{ display: "block", px: { xs: 2, sm: 3 }, py: 1.25, color: "inherit", textDecoration: "none", "&:hover": { bgcolor: "sunken" }, "&:focus-visible": { outlineOffset: "-2px" } }}>
      <Box sx={{ display: "flex", gap: 1.5, alignItems: "center" }}>
        <Typography noWrap title={job.name} sx={{ flex: 1, minWidth: 0, fontWeight: 600 }}>{job.name}</Typography>
        <StatusChip job={job} />
      </Box>
      <Box sx={{ display: "flex", gap: 1.5, color: "text.secondary" }}>
        <Typography variant="body2" noWrap sx={{ flex: 1, minWidth: 0 }} title={job.image}>{job.reason && job.status !== "running" ? job.reason : job.image}</Typography>
        <Typography variant="body2" noWrap><Ago time={job.created} /></Typography>
      </Box>
    </Box>
  );
}
