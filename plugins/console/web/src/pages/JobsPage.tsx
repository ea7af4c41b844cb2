import BoxIcon from "@mui/icons-material/Inventory2Outlined";
import SearchIcon from "@mui/icons-material/Search";
import TerminalIcon from "@mui/icons-material/Terminal";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import IconButton from "@mui/material/IconButton";
import InputAdornment from "@mui/material/InputAdornment";
import MenuItem from "@mui/material/MenuItem";
import OutlinedInput from "@mui/material/OutlinedInput";
import Select from "@mui/material/Select";
import Typography from "@mui/material/Typography";
import StopIcon from "@mui/icons-material/DeleteOutlined";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Job } from "../api/client";
import { useLiveJobs } from "../api/queries";
import { useScope } from "../app/place";
import { ConnectionWarning } from "../components/feedback/ConnectionWarning";
import { Empty } from "../components/feedback/Empty";
import { RowSkeletons } from "../components/feedback/Loading";
import { KillDialog } from "../components/jobs/KillDialog";
import { Leftovers } from "../components/jobs/Leftovers";
import { StatusChip, statusLabel } from "../components/jobs/StatusChip";
import { Ago, Duration } from "../components/ui/Ago";
import { Card } from "../components/ui/Card";
import { PageHeading } from "../components/ui/PageHeading";
import { filterJobs, type StatusFilter } from "../lib/jobList";
import { joinWords } from "../lib/words";

const filters: StatusFilter[] = [
  "all",
  "active",
  "pending",
  "running",
  "succeeded",
  "failed",
  "suspended",
  "cancelled",
];
const filterLabel = (filter: StatusFilter) =>
  filter === "all" ? "All jobs" : filter === "active" ? "Active" : statusLabel(filter);
const columns = { xs: "minmax(0,1fr) auto", md: "minmax(0,4fr) minmax(0,3fr) minmax(0,4fr) 130px 92px" };
const page = 100;

export default function JobsPage() {
  const { at } = useScope();
  const { jobs, trouble } = useLiveJobs();
  const [status, setStatus] = useState<StatusFilter>("all");
  const [search, setSearch] = useState("");
  const [shown, setShown] = useState(page);
  const [killing, setKilling] = useState("");
  const found = useMemo(() => filterJobs(jobs ?? [], status, search), [jobs, status, search]);
  return (
    <>
      <PageHeading title="Jobs" />
      <Leftovers jobs={jobs?.length} />
      <Card>
        <Box sx={{ px: { xs: 2, sm: 3 }, py: 2, display: "flex", flexWrap: "wrap", gap: 1.5, alignItems: "center" }}>
          <OutlinedInput
            size="small"
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Search"
            inputProps={{ "aria-label": "Search jobs", autoComplete: "off", spellCheck: false }}
            startAdornment={
              <InputAdornment position="start">
                <SearchIcon fontSize="small" />
              </InputAdornment>
            }
            sx={{ flex: "1 1 180px", maxWidth: 340 }}
          />
          <Select
            size="small"
            value={status}
            onChange={(event) => setStatus(event.target.value)}
            inputProps={{ "aria-label": "Status" }}
            sx={{ minWidth: 130 }}
          >
            {filters.map((filter) => (
              <MenuItem key={filter} value={filter}>
                {filterLabel(filter)}
              </MenuItem>
            ))}
          </Select>
          <Typography variant="body2" color="textSecondary" role="status" sx={{ display: { xs: "none", sm: "block" } }}>
            {jobs &&
              (found.length === jobs.length
                ? `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}`
                : `${found.length} of ${jobs.length}`)}
          </Typography>
        </Box>
        <ConnectionWarning text={trouble} />
        {!jobs ? (
          !trouble && <RowSkeletons />
        ) : found.length === 0 ? (
          jobs.length ? (
            <Empty icon={<SearchIcon />} title="No matching jobs">
              <Button
                onClick={() => {
                  setSearch("");
                  setStatus("all");
                }}
              >
                SHOW ALL
              </Button>
            </Empty>
          ) : (
            <Empty icon={<BoxIcon />} title="No jobs">
              Run an action on the <Link href={at("/dashboard")}>Dashboard</Link>.
            </Empty>
          )
        ) : (
          <Box role="table" aria-label="Jobs">
            <Box role="rowgroup">
              <Box
                role="row"
                sx={{
                  px: { xs: 2, sm: 3 },
                  py: 1,
                  display: { xs: "none", md: "grid" },
                  gridTemplateColumns: columns,
                  columnGap: 2,
                  color: "text.secondary",
                  fontSize: "0.8125rem",
                  fontWeight: 600,
                  borderTop: 1,
                  borderColor: "divider",
                  bgcolor: "sunken",
                }}
              >
                {["Name", "Status", "Image and command", "Created", "Actions"].map((title) => (
                  <Box key={title} role="columnheader" sx={title === "Actions" ? { textAlign: "right" } : undefined}>
                    {title}
                  </Box>
                ))}
              </Box>
            </Box>
            <Box role="rowgroup">
              {found.slice(0, shown).map((job) => (
                <JobRow key={job.uid} job={job} onKill={() => setKilling(job.name)} />
              ))}
            </Box>
          </Box>
        )}
        {found.length > shown && (
          <Box sx={{ p: 2, textAlign: "center", borderTop: 1, borderColor: "divider" }}>
            <Button onClick={() => setShown(shown + page)}>SHOW MORE</Button>
          </Box>
        )}
      </Card>
      {killing && <KillDialog name={killing} onClose={() => setKilling("")} />}
    </>
  );
}

function JobRow({ job, onKill }: { job: Job; onKill(): void }) {
  const { at } = useScope();
  const command = joinWords(job.command);
  return (
    <Box
      role="row"
      sx={{
        px: { xs: 2, sm: 3 },
        py: 1.25,
        display: "grid",
        gridTemplateColumns: columns,
        columnGap: 2,
        rowGap: 0.5,
        alignItems: "center",
        borderTop: 1,
        borderColor: "divider",
        "&:hover": { bgcolor: "sunken" },
      }}
    >
      <Box role="cell" sx={{ minWidth: 0 }}>
        <Box
          component={Link}
          href={at(`/jobs/${job.name}`)}
          title={job.name}
          sx={{
            display: "block",
            color: "primary.main",
            fontWeight: 600,
            textDecoration: "none",
            overflow: "hidden",
            textOverflow: "ellipsis",
            whiteSpace: "nowrap",
            "&:hover": { textDecoration: "underline" },
          }}
        >
          {job.name}
        </Box>
        {job.tags.length > 0 && (
          <Typography variant="caption" color="textSecondary" noWrap component="div">
            {job.tags.join(", ")}
          </Typography>
        )}
      </Box>
      <Box role="cell" sx={{ minWidth: 0, gridRow: { xs: 2, md: "auto" } }}>
        <StatusChip job={job} />
        <Typography variant="caption" color="textSecondary" component="div" noWrap title={job.message}>
          {job.reason || (job.started ? <Duration from={job.started} to={job.finished} /> : "")}
          {job.exitCode !== undefined && job.status === "failed" ? ` · exit code ${job.exitCode}` : ""}
        </Typography>
      </Box>
      <Box role="cell" sx={{ minWidth: 0, display: { xs: "none", md: "block" } }}>
        <Typography variant="body2" noWrap title={job.image}>
          {job.image}
        </Typography>
        <Typography variant="caption" color="textSecondary" component="div" noWrap title={command}>
          <code>{command}</code>
        </Typography>
      </Box>
      <Typography
        role="cell"
        variant="body2"
        color="textSecondary"
        noWrap
        sx={{
          gridRow: { xs: 2, md: "auto" },
          gridColumn: { xs: 2, md: "auto" },
          textAlign: { xs: "right", md: "left" },
        }}
      >
        <Ago time={job.created} />
      </Typography>
      <Box
        role="cell"
        sx={{
          display: "flex",
          justifyContent: "flex-end",
          gridRow: { xs: 1, md: "auto" },
          gridColumn: { xs: 2, md: "auto" },
        }}
      >
        {job.status === "running" && (
          <IconButton
            data-tip="Terminal"
            component={Link}
            href={at(`/jobs/${job.name}/terminal`)}
            aria-label={`Terminal of ${job.name}`}
          >
            <TerminalIcon />
          </IconButton>
        )}
        <IconButton data-tip="Kill" edge="end" aria-label={`Kill ${job.name}`} onClick={onKill}>
          <StopIcon />
        </IconButton>
      </Box>
    </Box>
  );
}
