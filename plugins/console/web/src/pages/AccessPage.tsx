import ShareIcon from "@mui/icons-material/GroupOutlined";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import Tab from "@mui/material/Tab";
import Table from "@mui/material/Table";
import TableBody from "@mui/material/TableBody";
import TableCell from "@mui/material/TableCell";
import TableHead from "@mui/material/TableHead";
import TableRow from "@mui/material/TableRow";
import Tabs from "@mui/material/Tabs";
import { useState } from "react";
import { useAccess } from "../api/queries";
import { Empty } from "../components/feedback/Empty";
import { Failed } from "../components/feedback/Failed";
import { RowSkeletons } from "../components/feedback/Loading";
import { Notes } from "../components/feedback/Notes";
import ShareDialog, { granteeLabel } from "../components/secrets/ShareDialog";
import { Card } from "../components/ui/Card";
import { Ends } from "../components/ui/Ends";
import { PageHeading } from "../components/ui/PageHeading";

const maxRows = 500;

export default function AccessPage() {
  const access = useAccess();
  const [tab, setTab] = useState<"withMe" | "byMe">("withMe");
  const [sharing, setSharing] = useState("");
  const withMe = access.data?.withMe ?? [];
  const byMe = access.data?.byMe ?? [];
  const ending = (tab === "withMe" ? withMe : byMe).some((one) => one.ends || one.endsProblem);
  return (
    <>
      <PageHeading title="Access" />
      <Notes notes={access.data?.notes} />
      <Card>
        <Tabs
          value={tab}
          onChange={(_, value: typeof tab) => setTab(value)}
          aria-label="Shared secrets"
          sx={{ px: { xs: 1, sm: 2 }, borderBottom: 1, borderColor: "divider" }}
        >
          <Tab
            value="withMe"
            id="tab-withMe"
            aria-controls="panel"
            label={`Shared with me${access.data ? ` (${withMe.length})` : ""}`}
            sx={{ textTransform: "none" }}
          />
          <Tab
            value="byMe"
            id="tab-byMe"
            aria-controls="panel"
            label={`Shared by me${access.data ? ` (${byMe.length})` : ""}`}
            sx={{ textTransform: "none" }}
          />
        </Tabs>
        <Box
          role="tabpanel"
          id="panel"
          aria-labelledby={`tab-${tab}`}
          tabIndex={0}
          sx={{ overflowX: "auto", "&:focus-visible": { outlineOffset: "-2px" } }}
        >
          {access.isError ? (
            <Failed error={access.error} retry={() => void access.refetch()} />
          ) : access.isPending ? (
            <RowSkeletons />
          ) : tab === "withMe" ? (
            withMe.length === 0 ? (
              <Empty icon={<ShareIcon />} title="No secrets shared with you">
                The owner of a secret can share it on the Secrets page or with <code>kubectl apolo share</code>.
              </Empty>
            ) : (
              <Table>
                <TableHead>
                  <TableRow>
                    <TableCell>Secret</TableCell>
                    <TableCell>Level</TableCell>
                    {ending && <TableCell>Ends</TableCell>}
                  </TableRow>
                </TableHead>
                <TableBody>
                  {withMe.slice(0, maxRows).map((one) => (
                    <TableRow key={one.uri + one.level}>
                      <TableCell>
                        <code>{one.uri}</code>
                        {!one.key && (
                          <Box sx={{ color: "text.secondary", fontSize: "0.8125rem" }}>
                            All secrets in the namespace
                          </Box>
                        )}
                      </TableCell>
                      <TableCell>
                        <LevelChip level={one.level} />
                      </TableCell>
                      {ending && (
                        <TableCell>
                          <Ends ends={one.ends} problem={one.endsProblem} />
                        </TableCell>
                      )}
                    </TableRow>
                  ))}
                  {withMe.length > maxRows && (
                    <TableRow>
                      <TableCell colSpan={3}>
                        and {withMe.length - maxRows} more: <code>kubectl apolo acl ls</code>
                      </TableCell>
                    </TableRow>
                  )}
                </TableBody>
              </Table>
            )
          ) : byMe.length === 0 ? (
            <Empty icon={<ShareIcon />} title="No secrets shared by you">
              To share a secret, use the icon in its row on the Secrets page.
            </Empty>
          ) : (
            <Table>
              <TableHead>
                <TableRow>
                  <TableCell>Secret</TableCell>
                  <TableCell>Shared with</TableCell>
                  <TableCell>Level</TableCell>
                  {ending && <TableCell>Ends</TableCell>}
                  <TableCell align="right">Actions</TableCell>
                </TableRow>
              </TableHead>
              <TableBody>
                {byMe.slice(0, maxRows).map((one) => (
                  <TableRow key={one.uri + one.grantee.id + one.level + String(one.stale) + (one.ends ?? "")}>
                    <TableCell>
                      <code>{one.key}</code>
                    </TableCell>
                    <TableCell>{granteeLabel(one.grantee)}</TableCell>
                    <TableCell>
                      {one.stale ? (
                        <Chip size="small" label="stale" variant="outlined" />
                      ) : (
                        <LevelChip level={one.level} />
                      )}
                    </TableCell>
                    {ending && (
                      <TableCell>
                        <Ends ends={one.ends} problem={one.endsProblem} />
                      </TableCell>
                    )}
                    <TableCell align="right">
                      {!one.stale && (
                        <Button
                          size="small"
                          onClick={() => setSharing(one.key)}
                          aria-label={`Change access to ${one.key}`}
                        >
                          CHANGE
                        </Button>
                      )}
                    </TableCell>
                  </TableRow>
                ))}
                {byMe.length > maxRows && (
                  <TableRow>
                    <TableCell colSpan={5}>
                      and {byMe.length - maxRows} more: <code>kubectl apolo acl ls --shared</code>
                    </TableCell>
                  </TableRow>
                )}
              </TableBody>
            </Table>
          )}
        </Box>
      </Card>
      {sharing && <ShareDialog secret={sharing} onClose={() => setSharing("")} />}
    </>
  );
}

export function LevelChip({ level }: { level: string }) {
  return (
    <Chip
      size="small"
      label={level}
      variant="outlined"
      color={level === "manage" ? "warning" : level === "write" ? "info" : "default"}
    />
  );
}
