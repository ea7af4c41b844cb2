import { useMemo, useRef, useState } from "react";
import type { Action, Preset } from "../../api/client";
import { checkForm, type Complaints, type RunForm, type SecretBlock, type VolumeBlock } from "../../lib/runForm";
import { joinWords } from "../../lib/words";

/** The props of a text field that show its complaint and let it be found and focused. */
export interface FieldProps {
  error: boolean;
  helperText: string | undefined;
  onBlur(): void;
  slotProps: { htmlInput: object };
}

export type Field = (name: string) => FieldProps;

/** The state of the form and its complaints. Each is shown once its field lost the focus or RUN was pressed. */
export function useRunForm(action: Action, presets: Preset[] | undefined) {
  const [typed, setTyped] = useState<RunForm>(() => ({
    preset: action.preset,
    image: action.image,
    command: joinWords(action.command),
    terminal: action.terminal,
    name: "",
    secrets: [],
    volumes: [],
  }));
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<Complaints>({});
  const nextID = useRef(1);

  // The first preset, until the user chooses one.
  const names = presets?.map((one) => one.name);
  const preset = typed.preset && (!names || names.includes(typed.preset)) ? typed.preset : (names?.[0] ?? "");
  const form = useMemo(() => ({ ...typed, preset }), [typed, preset]);
  const complaints = checkForm(form);
  const complaint = (name: string): string | undefined =>
    refused[name] ?? (tried || touched.has(name) ? complaints[name] : undefined);
  const field: Field = (name) => ({
    error: !!complaint(name),
    helperText: complaint(name),
    onBlur: () => setTouched((old) => new Set(old).add(name)),
    slotProps: { htmlInput: { "data-field": name, autoComplete: "off", spellCheck: false, autoCapitalize: "off" } },
  });

  const change = (changed: Partial<RunForm>) => {
    setTyped((old) => ({ ...old, ...changed }));
    setRefused({});
  };
  return {
    form,
    complaints,
    complaint,
    field,
    change,
    changeSecret: (id: number, changed: Partial<SecretBlock>) =>
      change({ secrets: replaced(form.secrets, id, changed) }),
    changeVolume: (id: number, changed: Partial<VolumeBlock>) =>
      change({ volumes: replaced(form.volumes, id, changed) }),
    removeSecret: (id: number) => change({ secrets: form.secrets.filter((block) => block.id !== id) }),
    removeVolume: (id: number) => change({ volumes: form.volumes.filter((block) => block.id !== id) }),
    /** Adds a block, and returns the name of the field to focus. */
    addSecret: (): string => {
      const id = nextID.current++;
      const block: SecretBlock = { id, kind: "environment", secret: "", variable: "", path: "", mode: "" };
      change({ secrets: [...form.secrets, block] });
      return `secret.${id}.secret`;
    },
    addVolume: (): string => {
      const id = nextID.current++;
      const block: VolumeBlock = { id, kind: "storage", source: "", path: "/var/storage", readOnly: false };
      change({ volumes: [...form.volumes, block] });
      return `volume.${id}.source`;
    },
    showAllComplaints: () => setTried(true),
    /** Shows the server's complaint about a field, until the form changes. */
    refuse: setRefused,
  };
}

function replaced<T extends { id: number }>(blocks: T[], id: number, changed: Partial<T>): T[] {
  return blocks.map((block) => (block.id === id ? { ...block, ...changed } : block));
}
