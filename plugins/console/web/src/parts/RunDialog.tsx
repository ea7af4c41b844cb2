import AddIcon from "@mui/icons-material/Add";
import ExpandIcon from "@mui/icons-material/ExpandMore";
import Alert from "@mui/material/Alert";
import Autocomplete from "@mui/material/Autocomplete";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Collapse from "@mui/material/Collapse";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import Radio from "@mui/material/Radio";
import RadioGroup from "@mui/material/RadioGroup";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { type Action, api, ApiError, ask, type Preset, type UsableSecret } from "../api/client";
import { key, usePresets, useUsableSecrets } from "../api/queries";
import { useWhere } from "../app/place";
import { useToast } from "../app/toasts";
import { checkForm, type Complaints, formField, type RunForm, type SecretBlock, toNewJob, type VolumeBlock } from "../lib/runForm";
import { warn } from "../lib/warnings";
import { joinWords } from "../lib/words";
import { CommandLine } from "./CommandLine";
import { useSettled } from "./hooks";

export default function RunDialog({ action, onClose }: { action: Action; onClose(): void }) {
  const { place, at } = useWhere();
  const [, navigate] = useLocation();
  const toast = useToast();
  const presets = usePresets();
  const title = useId();
  const small = useMediaQuery("(max-width: 600px)", { noSsr: true });
  const custom = action.image === "";
  const [form, setForm] = useState<RunForm>(() => ({
    preset: action.preset, image: action.image, command: joinWords(action.command), terminal: action.terminal, name: "", secrets: [], volumes: [],
  }));
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<Complaints>({});
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const [command, setCommand] = useState(false);
  const nextID = useRef(1);
  const element = useRef<HTMLFormElement>(null);

  // The first preset, until the user chooses.
  const names = presets.data?.items.map((preset) => preset.name);
  const preset = form.preset && (!names || names.includes(form.preset)) ? form.preset : (names?.[0] ?? "");
  const whole = useMemo(() => ({ ...form, preset }), [form, preset]);
  const complaints = checkForm(whole);
  const complaint = (field: string): string | undefined => refused[field] ?? (tried || touched.has(field) ? complaints[field] : undefined);
  const field = (name: string) => ({
    error: !!complaint(name),
    helperText: complaint(name),
    onBlur: () => setTouched((old) => new Set(old).add(name)),
    slotProps: { htmlInput: { "data-field": name, autoComplete: "off", spellCheck: false, autoCapitalize: "off" } },
  });
  const change = (changed: Partial<RunForm>) => {
    setForm((old) => ({ ...old, ...changed }));
    setRefused({});
  };
  const changeSecret = (id: number, changed: Partial<SecretBlock>) => change({ secrets: form.secrets.map((block) => (block.id === id ? { ...block, ...changed } : block)) });
  const changeVolume = (id: number, changed: Partial<VolumeBlock>) => change({ volumes: form.volumes.map((block) => (block.id === id ? { ...block, ...changed } : block)) });

  const focusFirst = (found: Complaints) => {
    const first = [...(element.current?.querySelectorAll<HTMLElement>("[data-field]") ?? [])].find((input) => found[input.dataset.field!]);
    first?.focus();
  };
  // What was just added is where one continues.
  const added = useRef("");
  useEffect(() => {
    if (added.current) element.current?.querySelector<HTMLElement>(`[data-field="${added.current}"]`)?.focus();
    added.current = "";
  });

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    setFailure("");
    if (Object.keys(complaints).length > 0) {
      focusFirst(complaints);
      return;
    }
    setBusy(true);
    try {
      const made = await ask(api.POST("/jobs", { params: { query: place }, body: toNewJob(whole) }));
      toast(`Job ${made.name} is made`);
      made.notes.forEach(warn);
      onClose();
      navigate(at(`/jobs/${made.name}${form.terminal ? "/terminal" : "/log"}`));
    } catch (error) {
      setBusy(false);
      const message = error instanceof Error ? error.message : String(error);
      const at = error instanceof ApiError && error.field ? formField(whole, error.field) : "";
      if (at && element.current?.querySelector(`[data-field="${CSS.escape(at)}"]`)) {
        setRefused({ [at]: message });
        setTimeout(() => focusFirst({ [at]: message }));
      } else setFailure(message);
    }
  };

  return (
    <Dialog open onClose={busy ? undefined : onClose} fullWidth maxWidth="sm" fullScreen={small} scroll="paper" aria-labelledby={title}
      slotProps={{ paper: { component: "form", ref: element, noValidate: true, onSubmit: (event: FormEvent) => void submit(event), sx: small ? { border: 0, borderRadius: 0 } : undefined } as object }}>
      <DialogTitle id={title} component="h2" sx={{ fontSize: "1.25rem", fontWeight: 600, letterSpacing: "-0.015em", pb: 1 }}>{action.title}</DialogTitle>
      <DialogContent sx={{ display: "grid", gap: 2, alignContent: "start" }}>
        {failure && <Alert severity="error" role="alert">{failure}</Alert>}
        {presets.isError && <Alert severity="error">{presets.error.message}</Alert>}
        <TextField select required label="Preset" value={preset} {...field("preset")} onChange={(event) => change({ preset: event.target.value })}
          slotProps={{ select: { renderValue: (value: unknown) => String(value), SelectDisplayProps: { "data-field": "preset" } as object } }}>
          {(presets.data?.items ?? []).map((one) => (
            <MenuItem key={one.name} value={one.name} sx={{ display: "block", whiteSpace: "normal" }}>
              <Box>{one.name}</Box>
              <Typography variant="caption" color="textSecondary">{describePreset(one)}</Typography>
            </MenuItem>
          ))}
        </TextField>
        {custom && (
          <>
            <TextField required label="Image" placeholder="ubuntu:24.04" value={form.image} {...field("image")} onChange={(event) => change({ image: event.target.value })} />
            <TextField label="Command" placeholder="python train.py --epochs 3" value={form.command} {...field("command")} helperText={complaint("command") ?? "Empty: the image's own"} onChange={(event) => change({ command: event.target.value })} />
          </>
        )}
        <TextField label="Name" value={form.name} {...field("name")} helperText={complaint("name") ?? "Empty: one is made"} onChange={(event) => change({ name: event.target.value })} />
        {form.secrets.map((block, i) => (
          <SecretFields key={block.id} block={block} number={i + 1} field={field} onChange={(changed) => changeSecret(block.id, changed)}
            onRemove={() => change({ secrets: form.secrets.filter((other) => other.id !== block.id) })} />
        ))}
        {form.volumes.map((block, i) => (
          <VolumeFields key={block.id} block={block} number={i + 1} field={field} onChange={(changed) => changeVolume(block.id, changed)}
            onRemove={() => change({ volumes: form.volumes.filter((other) => other.id !== block.id) })} />
        ))}
        <Box sx={{ display: "grid", justifyItems: "start", gap: 0.5, ml: -1 }}>
          <Button startIcon={<AddIcon />} onClick={() => {
            const id = nextID.current++;
            added.current = `secret.${id}.secret`;
            change({ secrets: [...form.secrets, { id, kind: "environment", secret: "", variable: "", path: "", mode: "" }] });
          }}>ADD NEW SECRET</Button>
          <Button startIcon={<AddIcon />} onClick={() => {
            const id = nextID.current++;
            added.current = `volume.${id}.source`;
            change({ volumes: [...form.volumes, { id, kind: "storage", source: "", path: "/var/storage", readOnly: false }] });
          }}>ADD NEW VOLUME</Button>
        </Box>
        <Box>
          <Button size="small" color="inherit" aria-expanded={command} onClick={() => setCommand(!command)} sx={{ ml: -0.5, color: "text.secondary", textTransform: "none", letterSpacing: 0 }}
            endIcon={<ExpandIcon style={{ transform: command ? "rotate(180deg)" : "none", transition: "transform .15s" }} />}>{command ? "Hide command" : "Show command"}</Button>
          <Collapse in={command} unmountOnExit><Box sx={{ pt: 1 }}><SameCommand form={whole} complete={Object.keys(complaints).length === 0} /></Box></Collapse>
        </Box>
      </DialogContent>
      <DialogActions sx={{ px: 3, py: 2, borderTop: 1, borderColor: "divider" }}>
        <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1 }}>* Required</Typography>
        <Button color="inherit" onClick={onClose} disabled={busy}>CANCEL</Button>
        <Button type="submit" variant="contained" loading={busy}>RUN</Button>
      </DialogActions>
    </Dialog>
  );
}

function describePreset(preset: Preset): string {
  const parts = [preset.cpu && `${preset.cpu} CPU`, preset.memory && `${preset.memory} memory`, preset.gpu > 0 && `${preset.gpu} GPU`].filter(Boolean).join(", ");
  return [preset.description, parts].filter(Boolean).join(" · ") || "No limits";
}

type Field = (name: string) => { error: boolean; helperText: string | undefined; onBlur(): void; slotProps: { htmlInput: object } };

function Block({ title, children }: { title: string; children: React.ReactNode }) {
  return <Box role="group" aria-label={title} sx={{ display: "grid", gap: 1.5, border: 1, borderColor: "divider", borderRadius: 1.75, p: 2 }}>{children}</Box>;
}

function SecretFields({ block, number, field, onChange, onRemove }: { block: SecretBlock; number: number; field: Field; onChange(changed: Partial<SecretBlock>): void; onRemove(): void }) {
  const usable = useUsableSecrets(true);
  const label = useId();
  const secretField = field(`secret.${block.id}.secret`);
  const options = usable.data?.items ?? [];
  const chosen = options.find((option) => option.uri === block.secret) ?? null;
  const filter = (all: UsableSecret[], { inputValue }: { inputValue: string }) => {
    const wanted = chosen && inputValue === optionLabel(chosen) ? "" : inputValue.toLowerCase();
    const found: UsableSecret[] = [];
    for (const one of all) if (one.uri.toLowerCase().includes(wanted) && found.push(one) === 200) break; // more than anybody scrolls through
    return found;
  };
  return (
    <Block title={`Secret ${number}`}>
      <Typography variant="body2" color="textSecondary" id={label}>Choose the secret you want to use:</Typography>
      <Box sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", columnGap: 1 }}>
        <RadioGroup row aria-labelledby={label} value={block.kind} onChange={(event) => onChange({ kind: event.target.value as SecretBlock["kind"] })}>
          <FormControlLabel value="environment" control={<Radio size="small" />} label="Environment variable" />
          <FormControlLabel value="file" control={<Radio size="small" />} label="File" />
        </RadioGroup>
        <Button size="small" onClick={onRemove} aria-label={`REMOVE: secret ${number}`}>REMOVE</Button>
      </Box>
      <Autocomplete options={options} value={chosen} loading={usable.isPending} filterOptions={filter} getOptionLabel={optionLabel} getOptionKey={(option) => option.uri} autoHighlight openOnFocus
        groupBy={(option) => (option.mine ? "My secrets" : "Shared with me")} isOptionEqualToValue={(a, b) => a.uri === b.uri} onChange={(_, option) => onChange({ secret: option?.uri ?? "" })} onBlur={secretField.onBlur}
        noOptionsText={usable.isError ? usable.error.message : options.length ? "No secret has this in its name" : "There are no secrets yet: add one on the page Secrets"}
        renderInput={(params) => (
          <TextField {...params} required label="Secret" error={secretField.error || usable.isError} helperText={secretField.helperText ?? (usable.isError ? usable.error.message : undefined)}
            slotProps={{ ...params.slotProps, htmlInput: { ...params.slotProps.htmlInput, "data-field": `secret.${block.id}.secret`, autoComplete: "off", spellCheck: false } }} />
        )} />
      {block.kind === "environment" ? (
        <TextField required label="Environment variable" value={block.variable} {...field(`secret.${block.id}.variable`)} onChange={(event) => onChange({ variable: event.target.value })} />
      ) : (
        <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr", sm: "2fr 1fr" }, alignItems: "start" }}>
          <TextField required label="Path" placeholder="/var/secrets/key.json" value={block.path} {...field(`secret.${block.id}.path`)} onChange={(event) => onChange({ path: event.target.value })} />
          <TextField label="Mode" placeholder="0444" value={block.mode} {...field(`secret.${block.id}.mode`)} onChange={(event) => onChange({ mode: event.target.value.trim() })} />
        </Box>
      )}
    </Block>
  );
}

/** A secret of mine by its key, another's by its URI. */
const optionLabel = (option: UsableSecret) => (option.mine ? option.key : option.uri);

function VolumeFields({ block, number, field, onChange, onRemove }: { block: VolumeBlock; number: number; field: Field; onChange(changed: Partial<VolumeBlock>): void; onRemove(): void }) {
  const label = useId();
  return (
    <Block title={`Volume ${number}`}>
      <Typography variant="body2" color="textSecondary" id={label}>Choose the volume you want to use:</Typography>
      <Box sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", columnGap: 1 }}>
        <RadioGroup row aria-labelledby={label} value={block.kind} onChange={(event) => onChange({ kind: event.target.value as VolumeBlock["kind"] })}>
          <FormControlLabel value="storage" control={<Radio size="small" />} label="Storage" />
          <FormControlLabel value="disk" control={<Radio size="small" />} label="Disk" />
        </RadioGroup>
        <Button size="small" onClick={onRemove} aria-label={`REMOVE: volume ${number}`}>REMOVE</Button>
      </Box>
      <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr", sm: "1fr 1fr" }, alignItems: "start" }}>
        <TextField required={block.kind === "disk"} label={block.kind === "disk" ? "Disk" : "Volume Path"} placeholder={block.kind === "disk" ? "Name of a PersistentVolumeClaim" : "Empty: all of it"} value={block.source}
          {...field(`volume.${block.id}.source`)} onChange={(event) => onChange({ source: event.target.value })} />
        <TextField required label="Job Path" value={block.path} {...field(`volume.${block.id}.path`)} onChange={(event) => onChange({ path: event.target.value })} />
      </Box>
      <FormControlLabel control={<Switch size="small" checked={block.readOnly} onChange={(event) => onChange({ readOnly: event.target.checked })} />} label="Read only" sx={{ ml: -0.5, gap: 0.75 }} />
    </Block>
  );
}

/** The same as a line for the shell, as the server writes it. */
function SameCommand({ form, complete }: { form: RunForm; complete: boolean }) {
  const { place } = useWhere();
  const settled = useSettled(form, 250);
  const line = useQuery({
    queryKey: key("command", place, JSON.stringify(settled)),
    queryFn: ({ signal }) => ask(api.POST("/jobs", { params: { query: place }, body: { ...toNewJob(settled), dryRun: true }, signal })),
    enabled: complete && Object.keys(checkForm(settled)).length === 0,
    placeholderData: (old) => old,
    gcTime: 0,
  });
  if (!complete) return <Typography variant="body2" color="textSecondary">Fill in what is required to see the command.</Typography>;
  if (line.isError) return <Typography variant="body2" color="error">{line.error.message}</Typography>;
  return line.data?.runCommand ? <CommandLine text={line.data.runCommand} label="The command that runs the same job" /> : null;
}
