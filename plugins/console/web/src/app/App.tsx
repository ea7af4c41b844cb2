import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { api, ApiError, ask, type Session, whenLoggedOut } from "../api/client";
import { pageAt } from "../lib/ahead";
import { pageKey } from "../lib/early";
import { Broken } from "../parts/Broken";
import { Loading, NotFound } from "../parts/states";
import { takeLinkToken } from "./link";
import { Layout } from "./Layout";
import { loadAhead, loaded, withMui } from "./loaded";
import { PlaceProvider } from "./place";
import { DashboardPage } from "../pages/DashboardPage";

const AccessPage = loaded(withMui(() => import("../pages/AccessPage")), <Loading />);
const JobPage = loaded(withMui(() => import("../pages/JobPage")), <Loading />);
const JobsPage = loaded(withMui(() => import("../pages/JobsPage")), <Loading />);
const LoginPage = loaded(withMui(() => import("../pages/LoginPage")), <Loading />);
const SecretsPage = loaded(() => import("../pages/SecretsPage"), <Loading />);
const Tips = loaded(withMui(() => import("../parts/Tips")), null, { later: true });

/** Loads the code of the page at a path. */
export async function loadPage(path: string): Promise<void> {
  const page = { access: AccessPage, job: JobPage, jobs: JobsPage, secrets: SecretsPage }[pageAt(path)];
  await page?.load().catch(() => undefined); // it is tried again, and the failure shown, when it is drawn
}

export type State = { kind: "in"; session: Session } | { kind: "out"; mode: Session["mode"]; problem: string };

async function logIn(token: string): Promise<State> {
  const session = await ask(api.POST("/login", { body: { token } }));
  pageKey.set(session.pageKey);
  return { kind: "in", session };
}

/** Logs in with the link's token, if there is one, or finds out who is logged in. */
export async function begin(): Promise<State> {
  const token = takeLinkToken();
  let problem = "";
  try {
    if (token) return await logIn(token);
  } catch (error) {
    problem = error instanceof ApiError ? error.message : String(error);
  }
  try {
    const session = await ask(api.GET("/session"));
    return session.authenticated ? { kind: "in", session } : { kind: "out", mode: session.mode, problem };
  } catch (error) {
    return { kind: "out", mode: "local", problem: problem || (error instanceof Error ? error.message : String(error)) };
  }
}

/** Who is logged in, and then the pages. */
export function App({ initial }: { initial: State }) {
  const [state, setState] = useState(initial);
  const queries = useQueryClient();
  const path = useLocation()[0].split("/")[1];

  const leave = useCallback(
    (problem: string) => {
      pageKey.drop();
      queries.clear();
      setState((old) => ({ kind: "out", mode: old.kind === "in" ? old.session.mode : old.mode, problem: old.kind === "out" ? old.problem : problem }));
    },
    [queries],
  );
  const enter = useCallback(async (token: string) => setState(await logIn(token)), []);
  useEffect(() => whenLoggedOut(() => leave("Your session has ended. Log in again.")), [leave]);

  useEffect(() => {
    if (state.kind === "in") setTimeout(loadAhead, 500);
  }, [state.kind]);

  if (state.kind === "out") return <LoginPage mode={state.mode} problem={state.problem} onLogin={enter} />;
  const logOut = () =>
    void ask(api.POST("/logout"))
      .catch(() => undefined)
      .then(() => leave("You are logged out."));
  return (
    <PlaceProvider>
      <Layout session={state.session} onLogOut={logOut}>
        <Broken key={path}>
          <Switch>
            <Route path="/"><Redirect to="/dashboard" replace /></Route>
            <Route path="/dashboard"><DashboardPage /></Route>
            <Route path="/jobs"><JobsPage /></Route>
            <Route path="/jobs/:name/:tab?">{(params) => <JobPage key={params.name} name={decodeURIComponent(params.name)} tab={params.tab ?? ""} />}</Route>
            <Route path="/secrets"><SecretsPage /></Route>
            <Route path="/access"><AccessPage /></Route>
            <Route><NotFound /></Route>
          </Switch>
        </Broken>
      </Layout>
      <Tips />
    </PlaceProvider>
  );
}
