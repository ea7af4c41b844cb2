import Box from "@mui/material/Box";
import FormControlLabel from "@mui/material/FormControlLabel";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import type { VolumeBlock } from "../../lib/runForm";
import { FieldGroup } from "./FieldGroup";
import type { Field } from "./useRunForm";

const kinds = { storage: "Storage", disk: "Disk" };

interface Props {
  block: VolumeBlock;
  number: number;
  field: Field;
  onChange(changed: Partial<VolumeBlock>): void;
  onRemove(): void;
}

/** A volume that is mounted into the job. */
export function VolumeFields({ block, number, field, onChange, onRemove }: Props) {
  const disk = block.kind === "disk";
  return (
    <FieldGroup
      what="volume"
      number={number}
      kind={block.kind}
      kinds={kinds}
      onKind={(kind) => onChange({ kind })}
      onRemove={onRemove}
    >
      <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr", sm: "1fr 1fr" }, alignItems: "start" }}>
        <TextField
          required={disk}
          label={disk ? "Disk" : "Volume Path"}
          placeholder={disk ? "Name of a PersistentVolumeClaim" : "Leave empty for the whole volume"}
          value={block.source}
          {...field(`volume.${block.id}.source`)}
          onChange={(event) => onChange({ source: event.target.value })}
        />
        <TextField
          required
          label="Job Path"
          value={block.path}
          {...field(`volume.${block.id}.path`)}
          onChange={(event) => onChange({ path: event.target.value })}
        />
      </Box>
      <FormControlLabel
        control={
          <Switch
            size="small"
            checked={block.readOnly}
            onChange={(event) => onChange({ readOnly: event.target.checked })}
          />
        }
        label="Read-only"
        sx={{ ml: -0.5, gap: 0.75 }}
      />
    </FieldGroup>
  );
}
