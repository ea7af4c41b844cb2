import "@fontsource-variable/inter/wght.css";
import "virtual:theme.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/page.css";
import "./styles/dashboard.css";
import "./styles/secrets.css";
import "./styles/controls.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { takeAnswers } from "./api/queries";
import { App, begin, loadPage } from "./app/App";
import { nowShown } from "./app/lazyWithRetry";
import { ToastProvider } from "./app/toasts";
import { forgetPrefetched, hasPrefetched } from "./lib/prefetch";
import { showMode } from "./lib/mode";
import { placeOf } from "./lib/places";

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

showMode();

/** How long the first drawing waits for what it shows, in milliseconds; then there are placeholders. */
const patience = 150;

const code = loadPage(location.pathname);
const take = () => takeAnswers(client, location.pathname, placeOf(location.search));
const answers = hasPrefetched() ? take() : undefined;
const state = await begin();
if (state.kind === "in")
  await Promise.race([Promise.all([code, answers ?? take()]), new Promise((resume) => setTimeout(resume, patience))]);
forgetPrefetched();

// A cluster may take its time; the rest of the page need not wait for that.
const longest = 1_000;
const settled = () => client.isFetching() === 0;
const stop = client.getQueryCache().subscribe(() => settled() && showRest());
const showRest = () => {
  stop();
  requestAnimationFrame(() => setTimeout(nowShown)); // when it is painted
};
if (settled()) showRest();
else setTimeout(showRest, longest);

createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={client}>
    <ToastProvider>
      <App initial={state} />
    </ToastProvider>
  </QueryClientProvider>,
);
