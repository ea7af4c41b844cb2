import { useQueryClient } from "@tanstack/react-query";
import { Suspense, useCallback, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { api, ApiError, ask, pageKey, type Session, whenLoggedOut } from "../api/client";
import { LoginPage } from "../pages/LoginPage";
import { Broken } from "../parts/Broken";
import { Loading, NotFound } from "../parts/states";
import { takeLinkToken } from "./link";
import { Layout } from "./Layout";
import { loadAhead, loaded } from "./loaded";
import { PlaceProvider } from "./place";
import { DashboardPage } from "../pages/DashboardPage";

const AccessPage = loaded(() => import("../pages/AccessPage"));
const JobPage = loaded(() => import("../pages/JobPage"));
const JobsPage = loaded(() => import("../pages/JobsPage"));
const SecretsPage = loaded(() => import("../pages/SecretsPage"));

type State = { kind: "starting" } | { kind: "in"; session: Session } | { kind: "out"; mode: Session["mode"]; problem: string };

/** Who is logged in, and then the pages. */
export function App() {
  const [state, setState] = useState<State>({ kind: "starting" });
  const queries = useQueryClient();
  const path = useLocation()[0].split("/")[1];

  const leave = useCallback(
    (problem: string) => {
      pageKey.drop();
      queries.clear();
      setState((old) => ({ kind: "out", mode: old.kind === "in" ? old.session.mode : old.kind === "out" ? old.mode : "local", problem: old.kind === "out" ? old.problem : problem }));
    },
    [queries],
  );

  const enter = useCallback(async (token: string) => {
    const answer = await ask(api.POST("/login", { body: { token } }));
    pageKey.set(answer.pageKey);
    setState({ kind: "in", session: answer });
  }, []);

  useEffect(() => {
    whenLoggedOut(() => leave("Your session has ended. Log in again."));
    void (async () => {
      const token = takeLinkToken();
      let problem = "";
      if (token) {
        try {
          await enter(token);
          return;
        } catch (error) {
          problem = error instanceof ApiError ? error.message : String(error);
        }
      }
      try {
        const session = await ask(api.GET("/session"));
        setState(session.authenticated ? { kind: "in", session } : { kind: "out", mode: session.mode, problem });
      } catch (error) {
        setState({ kind: "out", mode: "local", problem: problem || (error instanceof Error ? error.message : String(error)) });
      }
    })();
  }, [enter, leave]);

  useEffect(() => {
    if (state.kind === "in") setTimeout(loadAhead, 500);
  }, [state.kind]);

  if (state.kind === "starting") return null;
  if (state.kind === "out") return <LoginPage mode={state.mode} problem={state.problem} onLogin={enter} />;
  const logOut = () =>
    void ask(api.POST("/logout"))
      .catch(() => undefined)
      .then(() => leave("You are logged out."));
  return (
    <PlaceProvider>
      <Layout session={state.session} onLogOut={logOut}>
        <Broken key={path}><Suspense fallback={<Loading />}>
          <Switch>
            <Route path="/"><Redirect to="/dashboard" replace /></Route>
            <Route path="/dashboard"><DashboardPage /></Route>
            <Route path="/jobs"><JobsPage /></Route>
            <Route path="/jobs/:name/:tab?">{(params) => <JobPage key={params.name} name={decodeURIComponent(params.name)} tab={params.tab ?? ""} />}</Route>
            <Route path="/secrets"><SecretsPage /></Route>
            <Route path="/access"><AccessPage /></Route>
            <Route><NotFound /></Route>
          </Switch>
        </Suspense></Broken>
      </Layout>
    </PlaceProvider>
  );
}
