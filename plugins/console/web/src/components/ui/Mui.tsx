import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import { ThemeProvider } from "@mui/material/styles";
import type { ReactNode } from "react";
import { nonce } from "../../lib/nonce";
import { theme } from "../../theme";

const styles = createCache({ key: "apolo", nonce: nonce(), prepend: true });

// virtual:theme.css has the theme's variables, and lib/mode.ts says which of them hold. Material UI's types do not know
// the first of these properties.
const elsewhere = { disableStyleSheetGeneration: true, colorSchemeNode: null, storageManager: null } as object;

/** The providers that components of Material UI need. */
export function Mui({ children }: { children: ReactNode }) {
  return (
    <CacheProvider value={styles}>
      <ThemeProvider theme={theme} noSsr {...elsewhere}>
        {children}
      </ThemeProvider>
    </CacheProvider>
  );
}
