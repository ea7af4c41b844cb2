import CheckIcon from "@mui/icons-material/Check";
import CloseIcon from "@mui/icons-material/Close";
import FileIcon from "@mui/icons-material/UploadFileOutlined";
import HiddenIcon from "@mui/icons-material/VisibilityOffOutlined";
import ShownIcon from "@mui/icons-material/VisibilityOutlined";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import IconButton from "@mui/material/IconButton";
import InputAdornment from "@mui/material/InputAdornment";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { api, ApiError, unwrap } from "../../api/client";
import { usePlace } from "../../app/place";
import { toBase64 } from "../../lib/base64";
import { checkKey, checkValueSize } from "../../lib/validate";

interface Props {
  onSaved(key: string, created: boolean, bytes: number): Promise<void>;
  onCancel(): void;
}

/** The row for adding a secret. The value is only in its input, never in React's state or a
 *  cache, and the input is cleared once the secret is saved. */
export default function AddSecretRow({ onSaved, onCancel }: Props) {
  const place = usePlace();
  const keyInput = useRef<HTMLInputElement>(null);
  const valueInput = useRef<HTMLTextAreaElement>(null);
  const fileInput = useRef<HTMLInputElement>(null);
  const [visible, setVisible] = useState(false);
  const [file, setFile] = useState<File>();
  const [keyComplaint, setKeyComplaint] = useState("");
  const [valueComplaint, setValueComplaint] = useState("");
  const [failure, setFailure] = useState("");
  const [exists, setExists] = useState(false);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    keyInput.current?.focus();
    const input = valueInput.current;
    return () => {
      if (input) input.value = "";
    };
  }, []);

  const save = async (overwrite: boolean) => {
    if (busy) return;
    const key = keyInput.current?.value.trim() ?? "";
    const keyError = checkKey(key) ?? "";
    setKeyComplaint(keyError);
    setFailure("");
    setExists(false);
    let bytes: Uint8Array;
    let valueError: string;
    try {
      bytes = file
        ? new Uint8Array(await file.arrayBuffer())
        : new TextEncoder().encode(valueInput.current?.value ?? "");
      valueError =
        (!file && bytes.length === 0 ? "Enter a value, or choose a file" : checkValueSize(bytes.length)) ?? "";
    } catch {
      bytes = new Uint8Array();
      valueError = `Cannot read ${file?.name ?? "the file"}; choose it again`;
    }
    setValueComplaint(valueError);
    if (keyError || valueError) {
      (keyError ? keyInput : valueInput).current?.focus();
      return;
    }
    setBusy(true);
    try {
      const stored = await unwrap(
        api.POST("/secrets", { params: { query: place }, body: { key, value: toBase64(bytes), overwrite } }),
      );
      if (valueInput.current) valueInput.current.value = "";
      setFile(undefined);
      await onSaved(key, stored.created, stored.bytes);
    } catch (error) {
      setBusy(false);
      const message = error instanceof Error ? error.message : String(error);
      const field = error instanceof ApiError ? error.field : "";
      const conflict = error instanceof ApiError && error.status === 409;
      if (conflict && !overwrite) {
        setExists(true);
        setKeyComplaint("A secret with this key already exists");
        keyInput.current?.focus();
      } else if (field === "key" || conflict) setKeyComplaint(message);
      else if (field === "value") setValueComplaint(message);
      else setFailure(message);
    } finally {
      bytes.fill(0);
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onCancel();
    if (
      event.key !== "Enter" ||
      event.shiftKey ||
      event.nativeEvent.isComposing ||
      !(event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement)
    )
      return;
    event.preventDefault();
    void save(false);
  };

  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    setValueComplaint(chosen ? (checkValueSize(chosen.size) ?? "") : "");
    if (valueInput.current) valueInput.current.value = "";
    if (keyInput.current?.value === "" && chosen && !checkKey(chosen.name)) keyInput.current.value = chosen.name;
  };

  return (
    <Box role="rowgroup">
      <Box
        role="row"
        onKeyDown={onKeyDown}
        sx={{
          px: { xs: 2, sm: 3 },
          py: 2,
          display: "grid",
          gap: 2,
          gridTemplateColumns: { xs: "minmax(0,1fr)", sm: "minmax(0,4fr) minmax(0,6fr) auto" },
          alignItems: "start",
          borderBottom: 1,
          borderColor: "divider",
          bgcolor: "sunken",
        }}
      >
        <Box role="cell">
          <TextField
            inputRef={keyInput}
            variant="standard"
            required
            label="Key"
            error={!!keyComplaint}
            disabled={busy}
            helperText={
              keyComplaint && (
                <>
                  {keyComplaint}
                  {exists && (
                    <>
                      {" "}
                      ·{" "}
                      <Button
                        size="small"
                        color="error"
                        onClick={() => void save(true)}
                        sx={{ minWidth: 0, p: 0, fontSize: "inherit", verticalAlign: "baseline" }}
                      >
                        REPLACE VALUE
                      </Button>
                    </>
                  )}
                </>
              )
            }
            onChange={() => {
              setKeyComplaint("");
              setExists(false);
            }}
            slotProps={{
              htmlInput: {
                autoComplete: "off",
                spellCheck: false,
                autoCapitalize: "off",
                maxLength: 253,
                "data-1p-ignore": true,
              },
              formHelperText: { role: "alert", component: "div" } as object,
            }}
          />
        </Box>
        <Box role="cell" sx={{ display: "flex", gap: 1, alignItems: "flex-start", minWidth: 0 }}>
          {file ? (
            <Box sx={{ flex: 1, minWidth: 0, pt: 2 }}>
              <Chip
                icon={<FileIcon />}
                label={`${file.name} (${file.size.toLocaleString("en")} bytes)`}
                onDelete={busy ? undefined : () => choose(undefined)}
                sx={{ maxWidth: "100%" }}
              />
              {valueComplaint && (
                <Typography variant="caption" color="error" role="alert" component="div" sx={{ mt: 0.5 }}>
                  {valueComplaint}
                </Typography>
              )}
            </Box>
          ) : (
            <TextField
              inputRef={valueInput}
              variant="standard"
              required
              label="Value"
              error={!!valueComplaint}
              helperText={valueComplaint}
              disabled={busy}
              onChange={() => setValueComplaint("")}
              slotProps={{
                // A password input would drop the line breaks of a pasted key.
                htmlInput: {
                  rows: 1,
                  autoComplete: "off",
                  spellCheck: false,
                  autoCapitalize: "off",
                  autoCorrect: "off",
                  "data-1p-ignore": true,
                  "data-lpignore": "true",
                  sx: {
                    resize: "vertical",
                    height: 23,
                    minHeight: 23,
                    fontFamily: "inherit",
                    lineHeight: 1.4,
                    ...(visible ? {} : { WebkitTextSecurity: "disc" }),
                  },
                } as object,
                formHelperText: { role: "alert" },
                input: {
                  inputComponent: "textarea" as never,
                  endAdornment: (
                    <InputAdornment position="end">
                      <IconButton
                        data-tip={visible ? "Hide value" : "Show value"}
                        size="small"
                        aria-label="Show value"
                        aria-pressed={visible}
                        onClick={() => setVisible(!visible)}
                      >
                        {visible ? <HiddenIcon fontSize="small" /> : <ShownIcon fontSize="small" />}
                      </IconButton>
                    </InputAdornment>
                  ),
                },
              }}
            />
          )}
          <input
            ref={fileInput}
            type="file"
            hidden
            aria-label="File with the value"
            onChange={(event) => {
              choose(event.target.files?.[0]);
              event.target.value = "";
            }}
          />
          <Button
            size="small"
            startIcon={<FileIcon />}
            disabled={busy}
            onClick={() => fileInput.current?.click()}
            sx={{ mt: 1.5, flexShrink: 0 }}
          >
            FILE
          </Button>
        </Box>
        <Box role="cell" sx={{ display: "flex", justifyContent: "flex-end", mr: 0.5, pt: { sm: 1 } }}>
          <IconButton data-tip="Save" aria-label="Save" color="primary" loading={busy} onClick={() => void save(false)}>
            <CheckIcon />
          </IconButton>
          <IconButton data-tip="Cancel" aria-label="Cancel" edge="end" disabled={busy} onClick={onCancel}>
            <CloseIcon />
          </IconButton>
        </Box>
        {failure && (
          <Typography role="alert" color="error" variant="body2" sx={{ gridColumn: "1 / -1" }}>
            {failure}
          </Typography>
        )}
      </Box>
    </Box>
  );
}
