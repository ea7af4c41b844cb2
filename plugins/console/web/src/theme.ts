import { createTheme } from "@mui/material/styles";

declare module "@mui/material/styles" {
  interface Palette {
    line: string;
    sunken: string;
  }
  interface PaletteOptions {
    line?: string;
    sunken?: string;
  }
}

const mono = 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace';
export const monospace = mono;
const floating = "0 12px 32px rgb(20 12 40 / 0.22)";

/** The page's colours and shapes: white cards on a cool ground, Apolo's violet, both light and dark. */
export const theme = createTheme({
  cssVariables: { colorSchemeSelector: "data-theme" },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: "#4b2e83", dark: "#38205f", light: "#7350b8", contrastText: "#ffffff" },
        error: { main: "#b3261e" },
        warning: { main: "#8a5300" },
        success: { main: "#1d6b3c" },
        info: { main: "#2559a8" },
        background: { default: "#f6f6fa", paper: "#ffffff" },
        text: { primary: "#1d1a26", secondary: "#5b5668" },
        divider: "#e4e2ec",
        line: "#e4e2ec",
        sunken: "#f4f2f9",
      },
    },
    dark: {
      palette: {
        primary: { main: "#c4b0f5", dark: "#a68ce8", light: "#dccffb", contrastText: "#1f123d" },
        error: { main: "#ff9b91" },
        warning: { main: "#f4bd6a" },
        success: { main: "#7fd49f" },
        info: { main: "#9cc2ff" },
        background: { default: "#131119", paper: "#1c1924" },
        text: { primary: "#edeaf5", secondary: "#aba5ba" },
        divider: "#332e3f",
        line: "#332e3f",
        sunken: "#25212f",
      },
    },
  },
  shape: { borderRadius: 8 },
  typography: {
    fontFamily: '"Inter Variable", system-ui, sans-serif',
    fontSize: 14,
    h1: { fontSize: "1.5rem", fontWeight: 600, letterSpacing: "-0.015em", lineHeight: 1.3 },
    h2: { fontSize: "1.0625rem", fontWeight: 600, letterSpacing: "-0.01em", lineHeight: 1.4 },
    h3: { fontSize: "0.9375rem", fontWeight: 600, lineHeight: 1.4 },
    button: { fontWeight: 600, letterSpacing: "0.03em", fontSize: "0.8125rem" },
  },
  components: {
    MuiButtonBase: {
      defaultProps: { disableRipple: true },
      styleOverrides: {
        root: { "&.Mui-focusVisible": { outline: "2px solid var(--mui-palette-primary-main)", outlineOffset: 2 } },
      },
    },
    MuiButton: { defaultProps: { disableElevation: true }, styleOverrides: { root: { whiteSpace: "nowrap" } } },
    MuiPaper: { defaultProps: { elevation: 0 }, styleOverrides: { root: { backgroundImage: "none" } } },
    MuiTextField: { defaultProps: { variant: "filled", fullWidth: true } },
    MuiFilledInput: { styleOverrides: { root: { borderTopLeftRadius: 8, borderTopRightRadius: 8 } } },
    MuiDialog: { styleOverrides: { paper: { borderRadius: 14, border: "1px solid var(--mui-palette-line)" } } },
    MuiMenu: { styleOverrides: { paper: { border: "1px solid var(--mui-palette-line)", boxShadow: floating } } },
    MuiAutocomplete: {
      styleOverrides: {
        paper: { border: "1px solid var(--mui-palette-line)", boxShadow: floating },
        noOptions: { fontSize: "0.875rem" },
        groupLabel: { lineHeight: "36px", fontSize: "0.8125rem" },
      },
    },
    MuiTableCell: {
      styleOverrides: {
        root: {
          borderColor: "var(--mui-palette-line)",
          "&:first-of-type": { paddingLeft: 24 },
          "&:last-of-type": { paddingRight: 24 },
        },
        head: {
          color: "var(--mui-palette-text-secondary)",
          fontSize: "0.8125rem",
          fontWeight: 600,
          padding: "8px 16px",
          background: "var(--mui-palette-sunken)",
        },
      },
    },
    MuiChip: { styleOverrides: { root: { fontWeight: 500 } } },
  },
});
