import AddIcon from "@mui/icons-material/Add";
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";
import { type Action, api, ApiError, unwrap } from "../../api/client";
import { usePresets } from "../../api/queries";
import { useScope } from "../../app/place";
import { useToast } from "../../app/toasts";
import { type Complaints, formField, toNewJob } from "../../lib/runForm";
import { warn } from "../../lib/warnings";
import { CommandPreview } from "./CommandPreview";
import { PresetField } from "./PresetField";
import { SecretFields } from "./SecretFields";
import { useRunForm } from "./useRunForm";
import { VolumeFields } from "./VolumeFields";

/** Asks for the parameters of an action, and runs it as a job. */
export default function RunDialog({ action, onClose }: { action: Action; onClose(): void }) {
  const { place, at } = useScope();
  const [, navigate] = useLocation();
  const toast = useToast();
  const presets = usePresets();
  const title = useId();
  const small = useMediaQuery("(max-width: 600px)", { noSsr: true });
  const run = useRunForm(action, presets.data?.items);
  const { form, complaints, complaint, field, change } = run;
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);

  const focusFirst = (found: Complaints) => {
    const inputs = [...(element.current?.querySelectorAll<HTMLElement>("[data-field]") ?? [])];
    inputs.find((input) => found[input.dataset.field!])?.focus();
  };
  // A block that was just added gets the focus.
  const added = useRef("");
  useEffect(() => {
    if (added.current) element.current?.querySelector<HTMLElement>(`[data-field="${added.current}"]`)?.focus();
    added.current = "";
  });

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    run.showAllComplaints();
    setFailure("");
    if (Object.keys(complaints).length > 0) {
      focusFirst(complaints);
      return;
    }
    setBusy(true);
    try {
      const created = await unwrap(api.POST("/jobs", { params: { query: place }, body: toNewJob(form) }));
      toast(`Job ${created.name} created`);
      created.notes.forEach(warn);
      onClose();
      navigate(at(`/jobs/${created.name}${form.terminal ? "/terminal" : "/log"}`));
    } catch (error) {
      setBusy(false);
      const message = error instanceof Error ? error.message : String(error);
      const refused = error instanceof ApiError && error.field ? formField(form, error.field) : "";
      if (refused && element.current?.querySelector(`[data-field="${CSS.escape(refused)}"]`)) {
        run.refuse({ [refused]: message });
        setTimeout(() => focusFirst({ [refused]: message }));
      } else setFailure(message);
    }
  };
  const paper = {
    component: "form",
    ref: element,
    noValidate: true,
    onSubmit: (event: FormEvent) => void submit(event),
    sx: small ? { border: 0, borderRadius: 0 } : undefined,
  };

  return (
    <Dialog
      open
      onClose={busy ? undefined : onClose}
      fullWidth
      maxWidth="sm"
      fullScreen={small}
      scroll="paper"
      aria-labelledby={title}
      slotProps={{ paper: paper as object }}
    >
      <DialogTitle
        id={title}
        component="h2"
        sx={{ fontSize: "1.25rem", fontWeight: 600, letterSpacing: "-0.015em", pb: 1 }}
      >
        {action.title}
      </DialogTitle>
      <DialogContent sx={{ display: "grid", gap: 2, alignContent: "start" }}>
        {failure && (
          <Alert severity="error" role="alert">
            {failure}
          </Alert>
        )}
        {presets.isError && <Alert severity="error">{presets.error.message}</Alert>}
        <PresetField
          presets={presets.data?.items ?? []}
          value={form.preset}
          field={field("preset")}
          onChange={(preset) => change({ preset })}
        />
        {action.image === "" && (
          <>
            <TextField
              required
              label="Image"
              placeholder="ubuntu:24.04"
              value={form.image}
              {...field("image")}
              onChange={(event) => change({ image: event.target.value })}
            />
            <TextField
              label="Command"
              placeholder="python train.py --epochs 3"
              value={form.command}
              {...field("command")}
              helperText={complaint("command") ?? "Leave empty to use the image's default command"}
              onChange={(event) => change({ command: event.target.value })}
            />
          </>
        )}
        <TextField
          label="Name"
          value={form.name}
          {...field("name")}
          helperText={complaint("name") ?? "Leave empty to generate one"}
          onChange={(event) => change({ name: event.target.value })}
        />
        {form.secrets.map((block, i) => (
          <SecretFields
            key={block.id}
            block={block}
            number={i + 1}
            field={field}
            onChange={(changed) => run.changeSecret(block.id, changed)}
            onRemove={() => run.removeSecret(block.id)}
          />
        ))}
        {form.volumes.map((block, i) => (
          <VolumeFields
            key={block.id}
            block={block}
            number={i + 1}
            field={field}
            onChange={(changed) => run.changeVolume(block.id, changed)}
            onRemove={() => run.removeVolume(block.id)}
          />
        ))}
        <Box sx={{ display: "grid", justifyItems: "start", gap: 0.5, ml: -1 }}>
          <Button startIcon={<AddIcon />} onClick={() => (added.current = run.addSecret())}>
            ADD NEW SECRET
          </Button>
          <Button startIcon={<AddIcon />} onClick={() => (added.current = run.addVolume())}>
            ADD NEW VOLUME
          </Button>
        </Box>
        <CommandPreview form={form} complete={Object.keys(complaints).length === 0} />
      </DialogContent>
      <DialogActions sx={{ px: 3, py: 2, borderTop: 1, borderColor: "divider" }}>
        <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1 }}>
          * Required
        </Typography>
        <Button color="inherit" onClick={onClose} disabled={busy}>
          CANCEL
        </Button>
        <Button type="submit" variant="contained" loading={busy}>
          RUN
        </Button>
      </DialogActions>
    </Dialog>
  );
}
