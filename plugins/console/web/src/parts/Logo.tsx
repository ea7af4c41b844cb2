import Box from "@mui/material/Box";
import Typography from "@mui/material/Typography";

export function Logo() {
  return (
    <Box sx={{ display: "flex", alignItems: "center", gap: 1.25 }}>
      <Box component="img" src="/favicon.svg" alt="" width={28} height={28} sx={{ display: "block" }} />
      <Typography component="span" sx={{ fontWeight: 700, fontSize: "1rem", letterSpacing: "-0.01em" }}>Apolo <Box component="span" sx={{ fontWeight: 500, color: "text.secondary" }}>Console</Box></Typography>
    </Box>
  );
}
