import "@fontsource-variable/inter/wght.css";
import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import CssBaseline from "@mui/material/CssBaseline";
import { ThemeProvider } from "@mui/material/styles";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { App } from "./app/App";
import { ToastProvider } from "./app/toasts";
import { nonce } from "./lib/nonce";
import { theme } from "./theme";

const styles = createCache({ key: "apolo", nonce: nonce(), prepend: true });

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the server refuses, it refuses again.
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (count) => 500 * 2 ** count,
    },
  },
});

createRoot(document.getElementById("root")!).render(
  <CacheProvider value={styles}>
    <ThemeProvider theme={theme} defaultMode="system" modeStorageKey="apolo.theme">
      <CssBaseline enableColorScheme />
      <QueryClientProvider client={client}>
        <ToastProvider>
          <App />
        </ToastProvider>
      </QueryClientProvider>
    </ThemeProvider>
  </CacheProvider>,
);
