import Box from "@mui/material/Box";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import type { Preset } from "../../api/client";
import type { FieldProps } from "./useRunForm";

interface Props {
  presets: Preset[];
  value: string;
  field: FieldProps;
  onChange(preset: string): void;
}

export function PresetField({ presets, value, field, onChange }: Props) {
  return (
    <TextField
      select
      required
      label="Preset"
      value={value}
      {...field}
      onChange={(event) => onChange(event.target.value)}
      slotProps={{
        select: {
          renderValue: (chosen: unknown) => String(chosen),
          SelectDisplayProps: { "data-field": "preset" } as object,
        },
      }}
    >
      {presets.map((preset) => (
        <MenuItem key={preset.name} value={preset.name} sx={{ display: "block", whiteSpace: "normal" }}>
          <Box>{preset.name}</Box>
          <Typography variant="caption" color="textSecondary">
            {describe(preset)}
          </Typography>
        </MenuItem>
      ))}
    </TextField>
  );
}

function describe({ description, cpu, memory, gpu }: Preset): string {
  const limits = [cpu && `${cpu} CPU`, memory && `${memory} memory`, gpu > 0 && `${gpu} GPU`].filter(Boolean);
  return [description, limits.join(", ")].filter(Boolean).join(" · ") || "No limits";
}
