import "@fontsource-variable/inter/wght.css";
import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import CssBaseline from "@mui/material/CssBaseline";
import { ThemeProvider } from "@mui/material/styles";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { takeAnswers } from "./api/queries";
import { App, begin, loadPage } from "./app/App";
import { ToastProvider } from "./app/toasts";
import { forgetEarly, hasEarly } from "./lib/early";
import { nonce } from "./lib/nonce";
import { placeOf } from "./lib/places";
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

/** How long the first drawing waits for what it shows, in milliseconds; then there are placeholders. */
const patience = 150;

const code = loadPage(location.pathname);
const take = () => takeAnswers(client, location.pathname, placeOf(location.search));
const answers = hasEarly() ? take() : undefined;
const state = await begin();
if (state.kind === "in") await Promise.race([Promise.all([code, answers ?? take()]), new Promise((resume) => setTimeout(resume, patience))]);
forgetEarly();

createRoot(document.getElementById("root")!).render(
  <CacheProvider value={styles}>
    <ThemeProvider theme={theme} defaultMode="system" modeStorageKey="apolo.theme">
      <CssBaseline enableColorScheme />
      <QueryClientProvider client={client}>
        <ToastProvider>
          <App initial={state} />
        </ToastProvider>
      </QueryClientProvider>
    </ThemeProvider>
  </CacheProvider>,
);
