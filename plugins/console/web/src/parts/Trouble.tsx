import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import { sentence } from "../api/client";

/** Why nothing new comes at the moment; it goes away by itself. */
export function Trouble({ text }: { text: string }) {
  return <Box role="status">{text && <Alert severity="warning" sx={{ mx: 2, my: 1 }}>{sentence(text)}</Alert>}</Box>;
}
