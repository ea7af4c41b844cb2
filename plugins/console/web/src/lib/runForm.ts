import type { NewJob } from "../api/client";
import { checkFileMode, checkJobName, checkMountPath, checkPath, checkVariable, type Complaint } from "./validate";
import { splitWords, UnfinishedCommand } from "./words";

/** A block "Choose the secret you want to use". */
export interface SecretBlock {
  id: number;
  kind: "environment" | "file";
  secret: string;
  /** Separate from the path, so that switching the kind back and forth loses nothing. */
  variable: string;
  path: string;
  /** Octal digits; empty if everyone in the container can read the file. */
  mode: string;
}

export interface VolumeBlock {
  id: number;
  kind: "storage" | "disk";
  source: string;
  path: string;
  readOnly: boolean;
}

export interface RunForm {
  preset: string;
  image: string;
  command: string;
  terminal: boolean;
  name: string;
  secrets: SecretBlock[];
  volumes: VolumeBlock[];
}

/** Complaints by field: "preset", "secret.ID.path", … */
export type Complaints = Record<string, string>;

export function checkForm(form: RunForm): Complaints {
  const complaints: Complaints = {};
  const note = (field: string, complaint: Complaint) => {
    if (complaint) complaints[field] ??= complaint;
  };
  note("preset", form.preset ? undefined : "Choose a preset");
  note("image", form.image.trim() ? undefined : "Enter an image");
  note("name", checkJobName(form.name.trim()));
  try {
    splitWords(form.command);
  } catch (error) {
    if (!(error instanceof UnfinishedCommand)) throw error;
    note("command", error.message);
  }
  const variables = new Set<string>();
  const paths = new Set<string>();
  const once = (seen: Set<string>, value: string, what: string): Complaint => {
    if (seen.has(value)) return what;
    seen.add(value);
    return undefined;
  };
  for (const block of form.secrets) {
    note(`secret.${block.id}.secret`, block.secret ? undefined : "Choose a secret");
    if (block.kind === "environment") {
      note(
        `secret.${block.id}.variable`,
        checkVariable(block.variable) ?? once(variables, block.variable, "Another secret already uses this variable"),
      );
    } else {
      note(`secret.${block.id}.path`, checkPath(block.path) ?? once(paths, block.path, "This path is already in use"));
      note(`secret.${block.id}.mode`, checkFileMode(block.mode));
    }
  }
  for (const block of form.volumes) {
    if (block.kind === "disk") note(`volume.${block.id}.source`, block.source ? undefined : "Enter a disk name");
    note(
      `volume.${block.id}.path`,
      checkMountPath(block.path) ?? once(paths, block.path.replace(/\/$/, ""), "This path is already in use"),
    );
  }
  return complaints;
}

/** Converts a form without complaints to a request. */
export function toNewJob(form: RunForm): NewJob {
  return {
    name: form.name.trim() || undefined,
    preset: form.preset,
    image: form.image.trim(),
    command: splitWords(form.command),
    terminal: form.terminal,
    environment: form.secrets
      .filter((b) => b.kind === "environment")
      .map((b) => ({ name: b.variable, secret: b.secret })),
    files: form.secrets
      .filter((b) => b.kind === "file")
      .map((b) => ({ path: b.path, secret: b.secret, mode: b.mode || undefined })),
    volumes: form.volumes.map(({ kind, source, path, readOnly }) => ({ kind, source, path, readOnly })),
  };
}

/** Maps a field of the API, such as environment[0].name, to a field of the form. */
export function formField(form: RunForm, field: string): string {
  const found = /^(environment|files|volumes)\[(\d+)\]\.(\w+)$/.exec(field);
  if (!found) return field;
  const [, list, index, part] = found as unknown as [string, string, string, string];
  if (list === "volumes") {
    const block = form.volumes[Number(index)];
    return block ? `volume.${block.id}.${part}` : field;
  }
  const kind = list === "environment" ? "environment" : "file";
  const block = form.secrets.filter((b) => b.kind === kind)[Number(index)];
  return block ? `secret.${block.id}.${part === "name" ? "variable" : part}` : field;
}
