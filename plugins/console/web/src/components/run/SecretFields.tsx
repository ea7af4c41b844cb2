import Autocomplete from "@mui/material/Autocomplete";
import Box from "@mui/material/Box";
import TextField from "@mui/material/TextField";
import type { UsableSecret } from "../../api/client";
import { useUsableSecrets } from "../../api/queries";
import type { SecretBlock } from "../../lib/runForm";
import { FieldGroup } from "./FieldGroup";
import type { Field, FieldProps } from "./useRunForm";

const kinds = { environment: "Environment variable", file: "File" };
const maxShown = 200; // more than anyone scrolls through

interface Props {
  block: SecretBlock;
  number: number;
  field: Field;
  onChange(changed: Partial<SecretBlock>): void;
  onRemove(): void;
}

/** A secret for the job, as an environment variable or a file. */
export function SecretFields({ block, number, field, onChange, onRemove }: Props) {
  const name = (part: string) => `secret.${block.id}.${part}`;
  return (
    <FieldGroup
      what="secret"
      number={number}
      kind={block.kind}
      kinds={kinds}
      onKind={(kind) => onChange({ kind })}
      onRemove={onRemove}
    >
      <SecretField
        name={name("secret")}
        value={block.secret}
        field={field(name("secret"))}
        onChange={(secret) => onChange({ secret })}
      />
      {block.kind === "environment" ? (
        <TextField
          required
          label="Environment variable"
          value={block.variable}
          {...field(name("variable"))}
          onChange={(event) => onChange({ variable: event.target.value })}
        />
      ) : (
        <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr", sm: "2fr 1fr" }, alignItems: "start" }}>
          <TextField
            required
            label="Path"
            placeholder="/var/secrets/key.json"
            value={block.path}
            {...field(name("path"))}
            onChange={(event) => onChange({ path: event.target.value })}
          />
          <TextField
            label="Mode"
            placeholder="0444"
            value={block.mode}
            {...field(name("mode"))}
            onChange={(event) => onChange({ mode: event.target.value.trim() })}
          />
        </Box>
      )}
    </FieldGroup>
  );
}

interface SecretFieldProps {
  name: string;
  value: string;
  field: FieldProps;
  onChange(uri: string): void;
}

function SecretField({ name, value, field, onChange }: SecretFieldProps) {
  const usable = useUsableSecrets(true);
  const options = usable.data?.items ?? [];
  const chosen = options.find((option) => option.uri === value) ?? null;
  const failure = usable.isError ? usable.error.message : undefined;
  const filter = (all: UsableSecret[], { inputValue }: { inputValue: string }) => {
    const wanted = chosen && inputValue === optionLabel(chosen) ? "" : inputValue.toLowerCase();
    const found: UsableSecret[] = [];
    for (const one of all) if (one.uri.toLowerCase().includes(wanted) && found.push(one) === maxShown) break;
    return found;
  };
  const none = options.length ? "No matching secrets" : "No secrets yet. Add one on the Secrets page.";
  return (
    <Autocomplete
      options={options}
      value={chosen}
      loading={usable.isPending}
      filterOptions={filter}
      getOptionLabel={optionLabel}
      getOptionKey={(option) => option.uri}
      autoHighlight
      openOnFocus
      groupBy={(option) => (option.mine ? "My secrets" : "Shared with me")}
      isOptionEqualToValue={(a, b) => a.uri === b.uri}
      onChange={(_, option) => onChange(option?.uri ?? "")}
      onBlur={field.onBlur}
      noOptionsText={failure ?? none}
      renderInput={(params) => (
        <TextField
          {...params}
          required
          label="Secret"
          error={field.error || usable.isError}
          helperText={field.helperText ?? failure}
          slotProps={{
            ...params.slotProps,
            htmlInput: {
              ...params.slotProps.htmlInput,
              "data-field": name,
              autoComplete: "off",
              spellCheck: false,
            },
          }}
        />
      )}
    />
  );
}

/** The key of my own secret, or the URI of another user's. */
const optionLabel = (option: UsableSecret) => (option.mine ? option.key : option.uri);
