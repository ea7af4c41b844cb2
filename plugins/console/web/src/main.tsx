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
import { App, startSession, loadPage } from "./app/App";
import { markShown } from "./app/lazyWithRetry";
import { ToastProvider } from "./app/toasts";
import { forgetPrefetched, hasPrefetched } from "./lib/prefetch";
import { showMode } from "./lib/mode";
import { placeOf } from "./lib/places";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A 4xx response stays the same when the request is repeated.
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (count) => 500 * 2 ** count,
    },
  },
});

showMode();

/** How long the first render waits for its data, in milliseconds, before it shows placeholders. */
const firstRenderTimeout = 150;

const code = loadPage(location.pathname);
const take = () => takeAnswers(client, location.pathname, placeOf(location.search));
const answers = hasPrefetched() ? take() : undefined;
const state = await startSession();
if (state.kind === "in")
  await Promise.race([
    Promise.all([code, answers ?? take()]),
    new Promise((resume) => setTimeout(resume, firstRenderTimeout)),
  ]);
forgetPrefetched();

// A cluster may be slow; the rest of the page does not wait for it longer than this.
const maxDelay = 1_000;
const settled = () => client.isFetching() === 0;
const stop = client.getQueryCache().subscribe(() => settled() && showRest());
const showRest = () => {
  stop();
  requestAnimationFrame(() => setTimeout(markShown)); // when it is painted
};
if (settled()) showRest();
else setTimeout(showRest, maxDelay);

createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={client}>
    <ToastProvider>
      <App initial={state} />
    </ToastProvider>
  </QueryClientProvider>,
);
