import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { api, ApiError, unwrap, type Session, whenLoggedOut } from "../api/client";
import { ErrorBoundary } from "../components/feedback/ErrorBoundary";
import { Loading } from "../components/feedback/Loading";
import { pageKey } from "../lib/prefetch";
import { pageAt } from "../lib/preload";
import { DashboardPage } from "../pages/DashboardPage";
import { NotFoundPage } from "../pages/NotFoundPage";
import { Layout } from "./Layout";
import { loadInIdleTime, lazyWithRetry, withMui } from "./lazyWithRetry";
import { takeLinkToken } from "./link";
import { PlaceProvider } from "./place";

const AccessPage = lazyWithRetry(
  withMui(() => import("../pages/AccessPage")),
  <Loading />,
);
const JobPage = lazyWithRetry(
  withMui(() => import("../pages/JobPage")),
  <Loading />,
);
const JobsPage = lazyWithRetry(
  withMui(() => import("../pages/JobsPage")),
  <Loading />,
);
const LoginPage = lazyWithRetry(
  withMui(() => import("../pages/LoginPage")),
  <Loading />,
);
const SecretsPage = lazyWithRetry(() => import("../pages/SecretsPage"), <Loading />);
const Tips = lazyWithRetry(
  withMui(() => import("../components/ui/Tips")),
  null,
  { later: true },
);

/** Loads the code of the page at a path. */
export async function loadPage(path: string): Promise<void> {
  const page = { access: AccessPage, job: JobPage, jobs: JobsPage, secrets: SecretsPage }[pageAt(path)];
  await page?.load().catch(() => undefined); // it is retried when it is rendered, and the failure is shown then
}

export type State = { kind: "in"; session: Session } | { kind: "out"; mode: Session["mode"]; problem: string };

async function logIn(token: string): Promise<State> {
  const session = await unwrap(api.POST("/login", { body: { token } }));
  pageKey.set(session.pageKey);
  return { kind: "in", session };
}

/** Logs in with the token of the link, if there is one, or returns the existing session. */
export async function startSession(): Promise<State> {
  const token = takeLinkToken();
  let problem = "";
  try {
    if (token) return await logIn(token);
  } catch (error) {
    problem = error instanceof ApiError ? error.message : String(error);
  }
  try {
    const session = await unwrap(api.GET("/session"));
    return session.authenticated ? { kind: "in", session } : { kind: "out", mode: session.mode, problem };
  } catch (error) {
    return { kind: "out", mode: "local", problem: problem || (error instanceof Error ? error.message : String(error)) };
  }
}

/** The login page or, once logged in, the pages. */
export function App({ initial }: { initial: State }) {
  const [state, setState] = useState(initial);
  const queries = useQueryClient();
  const path = useLocation()[0].split("/")[1];

  const leave = useCallback(
    (problem: string) => {
      pageKey.drop();
      queries.clear();
      setState((old) => ({
        kind: "out",
        mode: old.kind === "in" ? old.session.mode : old.mode,
        problem: old.kind === "out" ? old.problem : problem,
      }));
    },
    [queries],
  );
  const enter = useCallback(async (token: string) => setState(await logIn(token)), []);
  useEffect(() => whenLoggedOut(() => leave("Your session has ended. Log in again.")), [leave]);

  useEffect(() => {
    if (state.kind === "in") setTimeout(loadInIdleTime, 500);
  }, [state.kind]);

  if (state.kind === "out") return <LoginPage mode={state.mode} problem={state.problem} onLogin={enter} />;
  const logOut = () =>
    void unwrap(api.POST("/logout"))
      .catch(() => undefined)
      .then(() => leave("You have logged out."));
  return (
    <PlaceProvider>
      <Layout session={state.session} onLogOut={logOut}>
        <ErrorBoundary key={path}>
          <Switch>
            <Route path="/">
              <Redirect to="/dashboard" replace />
            </Route>
            <Route path="/dashboard">
              <DashboardPage />
            </Route>
            <Route path="/jobs">
              <JobsPage />
            </Route>
            <Route path="/jobs/:name/:tab?">
              {(params) => <JobPage key={params.name} name={decodeURIComponent(params.name)} tab={params.tab ?? ""} />}
            </Route>
            <Route path="/secrets">
              <SecretsPage />
            </Route>
            <Route path="/access">
              <AccessPage />
            </Route>
            <Route>
              <NotFoundPage />
            </Route>
          </Switch>
        </ErrorBoundary>
      </Layout>
      <Tips />
    </PlaceProvider>
  );
}
