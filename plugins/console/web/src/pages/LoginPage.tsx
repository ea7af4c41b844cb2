import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Session } from "../api/client";
import { ThemeButton } from "../app/Layout";
import { tokenOf } from "../app/link";
import { Logo } from "../components/ui/Logo";

const texts = {
  local: {
    label: "Link or token",
    intro: (
      <>
        Run <code>kubectl apolo console</code> in a terminal and open the link it prints. The link works once; press
        Enter in the terminal to get a new one. You can also paste the link here.
      </>
    ),
    empty: "Paste the link or its token",
  },
  team: {
    label: "Kubernetes token",
    intro: (
      <>
        Paste your bearer token, for example from <code>kubectl create token NAME</code>. The server keeps it while you
        are logged in, and uses it only for your requests.
      </>
    ),
    empty: "Paste your token",
  },
};

export default function LoginPage({
  mode,
  problem,
  onLogin,
}: {
  mode: Session["mode"];
  problem: string;
  onLogin(token: string): Promise<void>;
}) {
  const text = texts[mode];
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  const [message, setMessage] = useState(problem);
  useEffect(() => {
    document.title = "Log in · Apolo Console";
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const token = tokenOf(input.current?.value ?? "");
    setMessage("");
    if (!token) {
      setComplaint(text.empty);
      input.current?.focus();
      return;
    }
    setBusy(true);
    setComplaint("");
    try {
      await onLogin(token);
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
      setBusy(false);
      if (input.current) {
        input.current.value = "";
        input.current.focus();
      }
    }
  };

  return (
    <Box component="main" sx={{ minHeight: "100dvh", display: "grid", placeItems: "center", p: 2 }}>
      <Box sx={{ position: "absolute", top: 12, right: 12 }}>
        <ThemeButton />
      </Box>
      <Paper
        component="form"
        onSubmit={(event) => void submit(event)}
        noValidate
        sx={{
          width: "100%",
          maxWidth: 440,
          p: { xs: 3, sm: 4.5 },
          border: 1,
          borderColor: "divider",
          borderRadius: 2,
          display: "grid",
          gap: 2.5,
        }}
      >
        <Logo />
        <Box>
          <Typography variant="h1" sx={{ mb: 1 }}>
            Log in
          </Typography>
          <Typography color="textSecondary" variant="body2">
            {text.intro}
          </Typography>
        </Box>
        {message && (
          <Alert severity="info" role="status">
            {message}
          </Alert>
        )}
        <TextField
          inputRef={input}
          label={text.label}
          type="password"
          required
          autoFocus
          error={!!complaint}
          helperText={complaint || " "}
          slotProps={{
            htmlInput: { autoComplete: "off", spellCheck: false, "data-1p-ignore": true },
            formHelperText: { role: "alert" },
          }}
        />
        <Button type="submit" variant="contained" size="large" loading={busy}>
          LOG IN
        </Button>
      </Paper>
    </Box>
  );
}
