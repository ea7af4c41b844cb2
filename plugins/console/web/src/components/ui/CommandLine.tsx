import CopyIcon from "@mui/icons-material/ContentCopyOutlined";
import Box from "@mui/material/Box";
import IconButton from "@mui/material/IconButton";
import { useToast } from "../../app/toasts";

/** A shell command with a button to copy it. */
export function CommandLine({ text, label }: { text: string; label: string }) {
  const toast = useToast();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied");
    } catch {
      toast("The browser blocked copying. Select the command and copy it.", "error");
    }
  };
  return (
    <Box
      sx={{
        display: "flex",
        alignItems: "flex-start",
        bgcolor: "sunken",
        border: 1,
        borderColor: "divider",
        borderRadius: 2,
      }}
    >
      <Box
        component="code"
        tabIndex={0}
        role="region"
        aria-label={label}
        sx={{
          flex: 1,
          minWidth: 0,
          px: 1.5,
          py: 1.25,
          whiteSpace: "pre-wrap",
          overflowWrap: "anywhere",
          maxHeight: 180,
          overflowY: "auto",
          "& span": { display: "inline-block", maxWidth: "100%" },
        }}
      >
        {
          text
            .split(/(\s+)/)
            .map((part, i) => (i % 2 ? part : <span key={i}>{part}</span>)) /* a line must not break behind a hyphen */
        }
      </Box>
      <IconButton
        data-tip="Copy"
        aria-label={`Copy: ${label}`}
        size="small"
        onClick={() => void copy()}
        sx={{ m: 0.5 }}
      >
        <CopyIcon fontSize="small" />
      </IconButton>
    </Box>
  );
}
