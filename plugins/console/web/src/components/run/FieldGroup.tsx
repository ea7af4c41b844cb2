import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import FormControlLabel from "@mui/material/FormControlLabel";
import Radio from "@mui/material/Radio";
import RadioGroup from "@mui/material/RadioGroup";
import Typography from "@mui/material/Typography";
import { type ReactNode, useId } from "react";

interface Props<Kind extends string> {
  what: "secret" | "volume";
  number: number;
  kind: Kind;
  kinds: Record<Kind, string>;
  onKind(kind: Kind): void;
  onRemove(): void;
  children: ReactNode;
}

/** The common frame of a secret or a volume of the job, around the fields of its kind. */
export function FieldGroup<Kind extends string>({
  what,
  number,
  kind,
  kinds,
  onKind,
  onRemove,
  children,
}: Props<Kind>) {
  const label = useId();
  return (
    <Box
      role="group"
      aria-label={`${what === "secret" ? "Secret" : "Volume"} ${number}`}
      sx={{ display: "grid", gap: 1.5, border: 1, borderColor: "divider", borderRadius: 1.75, p: 2 }}
    >
      <Typography variant="body2" color="textSecondary" id={label}>
        Choose the {what} you want to use:
      </Typography>
      <Box sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", columnGap: 1 }}>
        <RadioGroup row aria-labelledby={label} value={kind} onChange={(event) => onKind(event.target.value as Kind)}>
          {(Object.keys(kinds) as Kind[]).map((one) => (
            <FormControlLabel key={one} value={one} control={<Radio size="small" />} label={kinds[one]} />
          ))}
        </RadioGroup>
        <Button size="small" onClick={onRemove} aria-label={`REMOVE: ${what} ${number}`}>
          REMOVE
        </Button>
      </Box>
      {children}
    </Box>
  );
}
