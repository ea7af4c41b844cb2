import Autocomplete from "@mui/material/Autocomplete";
import Box from "@mui/material/Box";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useState } from "react";
import { useContexts } from "../api/queries";
import { checkNamespace } from "../lib/validate";
import { useScope } from "./place";

/** Selects the cluster and the namespace of all pages. */
export default function PlacePicker() {
  const { place, move } = useScope();
  const contexts = useContexts();
  const cluster = place.cluster || contexts.data?.current.cluster || "";
  const namespace = place.namespace || contexts.data?.current.namespace || "";
  const clusters = contexts.data?.clusters ?? [];
  const namespaces = clusters.find((one) => one.name === cluster)?.namespaces ?? [];
  const [typed, setTyped] = useState(namespace);
  const [shown, setShown] = useState(namespace);
  if (shown !== namespace) {
    setShown(namespace);
    setTyped(namespace);
  }
  const complaint = typed === namespace ? undefined : checkNamespace(typed);
  const go = (name: string | null) => {
    if (name && name !== namespace && !checkNamespace(name)) move({ cluster, namespace: name });
  };
  return (
    <Box sx={{ display: "grid", gap: 1.5 }}>
      <TextField
        select
        size="small"
        variant="outlined"
        label="Cluster"
        value={cluster}
        disabled={!contexts.data}
        error={contexts.isError}
        helperText={contexts.isError ? contexts.error.message : undefined}
        slotProps={{ select: { MenuProps: { slotProps: { paper: { sx: { maxHeight: 400 } } } } } }}
        onChange={(event) =>
          move({
            cluster: event.target.value,
            namespace: clusters.find((one) => one.name === event.target.value)?.namespaces[0] ?? "",
          })
        }
      >
        {(clusters.length ? clusters.map((one) => one.name) : [cluster]).map((name) => (
          <MenuItem key={name} value={name} sx={{ whiteSpace: "normal" }}>
            {name}
          </MenuItem>
        ))}
      </TextField>
      <Autocomplete
        freeSolo
        disableClearable
        forcePopupIcon
        autoHighlight={false}
        size="small"
        options={namespaces}
        value={namespace}
        inputValue={typed}
        disabled={!contexts.data}
        filterOptions={(options) =>
          (typed === namespace ? options : options.filter((name) => name.includes(typed))).slice(0, 200)
        }
        onInputChange={(_, value, reason) => reason !== "reset" && setTyped(value)}
        onChange={(_, value) => {
          setTyped(value);
          go(value);
        }}
        onBlur={() => setTyped(namespace)}
        renderInput={(params) => (
          <TextField {...params} variant="outlined" label="Namespace" error={!!complaint} helperText={complaint} />
        )}
      />
    </Box>
  );
}
