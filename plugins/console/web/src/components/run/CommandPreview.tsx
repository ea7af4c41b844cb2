import ExpandIcon from "@mui/icons-material/ExpandMore";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Collapse from "@mui/material/Collapse";
import Typography from "@mui/material/Typography";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { key } from "../../api/queries";
import { usePlace } from "../../app/place";
import { useDebounced } from "../../lib/hooks";
import { checkForm, type RunForm, toNewJob } from "../../lib/runForm";
import { CommandLine } from "../ui/CommandLine";

interface Props {
  form: RunForm;
  complete: boolean;
}

/** The equivalent command, hidden at first. */
export function CommandPreview(props: Props) {
  const [shown, setShown] = useState(false);
  return (
    <Box>
      <Button
        size="small"
        color="inherit"
        aria-expanded={shown}
        onClick={() => setShown(!shown)}
        sx={{ ml: -0.5, color: "text.secondary", textTransform: "none", letterSpacing: 0 }}
        endIcon={<ExpandIcon style={{ transform: shown ? "rotate(180deg)" : "none", transition: "transform .15s" }} />}
      >
        {shown ? "Hide command" : "Show command"}
      </Button>
      <Collapse in={shown} unmountOnExit>
        <Box sx={{ pt: 1 }}>
          <Command {...props} />
        </Box>
      </Collapse>
    </Box>
  );
}

/** The command, as the server formats it. */
function Command({ form, complete }: Props) {
  const place = usePlace();
  const settled = useDebounced(form, 250);
  const line = useQuery({
    queryKey: key("command", place, JSON.stringify(settled)),
    queryFn: ({ signal }) =>
      unwrap(api.POST("/jobs", { params: { query: place }, body: { ...toNewJob(settled), dryRun: true }, signal })),
    enabled: complete && Object.keys(checkForm(settled)).length === 0,
    placeholderData: (old) => old,
    gcTime: 0,
  });
  if (!complete) {
    return (
      <Typography variant="body2" color="textSecondary">
        Fill in the required fields to see the command.
      </Typography>
    );
  }
  if (line.isError) {
    return (
      <Typography variant="body2" color="error">
        {line.error.message}
      </Typography>
    );
  }
  if (!line.data?.runCommand) return null;
  return <CommandLine text={line.data.runCommand} label="Equivalent command" />;
}
