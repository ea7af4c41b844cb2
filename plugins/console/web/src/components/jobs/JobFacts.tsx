import Box from "@mui/material/Box";
import Chip from "@mui/material/Chip";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import type { JobDetails } from "../../api/client";
import { formatTime } from "../../lib/time";
import { joinWords } from "../../lib/words";
import { Ago, Duration } from "../ui/Ago";
import { CommandLine } from "../ui/CommandLine";

/** The details of a job: its configuration, its state and its events. */
export function JobFacts({ job }: { job: JobDetails }) {
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: { xs: "minmax(0,1fr)", lg: "minmax(0,1fr) minmax(0,1fr)" } }}>
      <Box sx={{ p: { xs: 2, sm: 3 }, minWidth: 0 }}>
        <Box
          component="dl"
          sx={{
            m: 0,
            display: "grid",
            gridTemplateColumns: { xs: "100px minmax(0,1fr)", sm: "130px minmax(0,1fr)" },
            columnGap: 2,
            rowGap: 1.5,
            alignItems: "baseline",
          }}
        >
          <Fact name="Image">{job.image}</Fact>
          {job.command.length > 0 && (
            <Fact name="Command">
              <code>{joinWords(job.command)}</code>
            </Fact>
          )}
          {job.description && <Fact name="Description">{job.description}</Fact>}
          {job.preset && <Fact name="Preset">{job.preset}</Fact>}
          <Fact name="Created">
            <Ago time={job.created} /> · {formatTime(job.created)}
          </Fact>
          {job.started && (
            <Fact name={job.finished ? "Ran for" : "Running for"}>
              <Duration from={job.started} to={job.finished} />
            </Fact>
          )}
          {job.exitCode !== undefined && <Fact name="Exit code">{job.exitCode}</Fact>}
          {job.node && <Fact name="Node">{job.node}</Fact>}
          {job.pods.length > 0 && (
            <Fact name={job.pods.length === 1 ? "Pod" : "Pods"}>
              {job.pods.map((pod) => (
                <div key={pod.name}>
                  <code>{pod.name}</code>{" "}
                  <Box component="span" sx={{ color: "text.secondary" }}>
                    {pod.phase}
                  </Box>
                </div>
              ))}
            </Fact>
          )}
          {job.pods.at(-1)?.containers.map((one) => (
            <Fact key={one.name} name={one.init ? "Init container" : "Sidecar"}>
              <code>{one.name}</code>{" "}
              <Box component="span" sx={{ color: "text.secondary" }}>
                {one.state}
              </Box>
            </Fact>
          ))}
          {job.tags.length > 0 && (
            <Fact name="Tags">
              <Box sx={{ display: "flex", flexWrap: "wrap", gap: 0.75 }}>
                {job.tags.map((tag) => (
                  <Chip key={tag} size="small" label={tag} />
                ))}
              </Box>
            </Fact>
          )}
        </Box>
        {job.runCommand && (
          <Section title="Equivalent command">
            <CommandLine text={job.runCommand} label="Equivalent command" />
          </Section>
        )}
      </Box>
      <Box
        sx={{
          p: { xs: 2, sm: 3 },
          pt: { xs: 0, lg: 3 },
          minWidth: 0,
          borderLeft: { lg: 1 },
          borderColor: { lg: "divider" },
        }}
      >
        <Section title="Secrets" first>
          {job.secrets.length === 0 ? (
            <Quiet>No secrets</Quiet>
          ) : (
            <Lines
              items={[
                ...job.environment
                  .filter((one) => one.secret)
                  .map((one) => ({ key: `e${one.name}`, left: one.name, right: one.secret! })),
                ...job.files.map((one) => ({
                  key: `f${one.path}`,
                  left: one.path,
                  right: one.mode ? `${one.secret}, mode ${one.mode}` : one.secret,
                })),
              ]}
            />
          )}
        </Section>
        {job.environment.some((one) => !one.secret) && (
          <Section title="Environment">
            <Lines
              items={job.environment
                .filter((one) => !one.secret)
                .map((one) => ({ key: one.name, left: one.name, right: one.value ?? "" }))}
            />
          </Section>
        )}
        {job.volumes.length > 0 && (
          <Section title="Volumes">
            <Lines
              items={job.volumes.map((one) => ({
                key: one.path,
                left: one.path,
                right: `${one.kind}:${one.source}${one.readOnly ? " (read-only)" : ""}`,
              }))}
            />
          </Section>
        )}
        <Section title="Events">
          {job.events.length === 0 ? (
            <Quiet>No events (Kubernetes keeps them for about an hour)</Quiet>
          ) : (
            <Box
              component="ul"
              sx={{ listStyle: "none", m: 0, p: 0, display: "grid", gap: 1.25, maxHeight: 360, overflowY: "auto" }}
              tabIndex={0}
              aria-label="Events"
            >
              {job.events.toReversed().map((event, i) => (
                <Box component="li" key={i}>
                  <Typography variant="body2">
                    <Box component="strong" sx={{ color: event.warning ? "warning.main" : "inherit" }}>
                      {event.reason}
                    </Box>
                    {event.count > 1 && ` ×${event.count}`}{" "}
                    <Box component="span" sx={{ color: "text.secondary" }}>
                      · <Ago time={event.time} />
                    </Box>
                  </Typography>
                  <Typography variant="body2" color="textSecondary">
                    {event.message}
                  </Typography>
                </Box>
              ))}
            </Box>
          )}
        </Section>
      </Box>
    </Box>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <Typography component="dt" variant="body2" color="textSecondary">
        {name}
      </Typography>
      <Typography component="dd" variant="body2" sx={{ m: 0, minWidth: 0 }}>
        {children}
      </Typography>
    </>
  );
}

function Section({ title, first, children }: { title: string; first?: boolean; children: ReactNode }) {
  return (
    <Box sx={{ mt: first ? 0 : 3 }}>
      <Typography variant="h3" component="h2" sx={{ mb: 1 }}>
        {title}
      </Typography>
      {children}
    </Box>
  );
}

const Quiet = ({ children }: { children: ReactNode }) => (
  <Typography variant="body2" color="textSecondary">
    {children}
  </Typography>
);

function Lines({ items }: { items: { key: string; left: string; right: string }[] }) {
  return (
    <Box component="ul" sx={{ listStyle: "none", m: 0, p: 0, display: "grid", gap: 0.75 }}>
      {items.map((item) => (
        <Box component="li" key={item.key} sx={{ display: "flex", flexWrap: "wrap", columnGap: 1.5 }}>
          <code>{item.left}</code>
          <Box component="code" sx={{ color: "text.secondary" }}>
            {item.right}
          </Box>
        </Box>
      ))}
    </Box>
  );
}
