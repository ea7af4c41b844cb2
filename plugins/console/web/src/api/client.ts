import createClient, { type Middleware } from "openapi-fetch";
import { base, pageKey, takePrefetched } from "../lib/prefetch";
import { takeWarnings } from "../lib/warnings";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type Place = Schemas["Place"];
export type Cluster = Schemas["Cluster"];
export type Secret = Schemas["Secret"];
export type Grant = Schemas["Grant"];
export type UsableSecret = Schemas["UsableSecret"];
export type Preset = Schemas["Preset"];
export type Action = Schemas["Action"];
export type NewJob = Schemas["NewJob"];
export type Job = Schemas["Job"];
export type JobDetails = Schemas["JobDetails"];
export type JobsFrame = Schemas["JobsFrame"];
export type Leftover = Schemas["Leftover"];
export type LogFrame = Schemas["LogFrame"];
export type JobState = Schemas["JobState"];
export type TerminalOutput = Schemas["TerminalOutput"];
export type Level = NonNullable<Schemas["Grant"]["level"]>;

/** What the API answers when something went wrong. Its message is a sentence for the user. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly field: string = "",
  ) {
    super(message);
  }
}

/** Called when the session has ended. */
let onLoggedOut: () => void = () => undefined;
export function whenLoggedOut(call: () => void): void {
  onLoggedOut = call;
}

const middleware: Middleware = {
  onRequest({ request }) {
    const key = pageKey.get();
    if (key) request.headers.set("Apolo-Page-Key", key);
    return takePrefetched(request) ?? request;
  },
  onResponse({ request, response, schemaPath }) {
    takeWarnings(response.headers.get("Apolo-Warning"), request.method === "GET");
    if (response.status === 401 && schemaPath !== "/login") onLoggedOut();
  },
};

export const api = createClient<paths>({ baseUrl: base });
api.use(middleware);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the data of a response, or throws an ApiError. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (!got.response.ok) throw toError(got.error, got.response.status);
  return got.data as T;
}

function unreachable(): ApiError {
  return new ApiError(
    "The Console's server is not responding. If “kubectl apolo console” has stopped, start it and open its link.",
    0,
  );
}

function toError(problem: unknown, status: number): ApiError {
  const { detail, field } = (typeof problem === "object" && problem !== null ? problem : {}) as {
    detail?: unknown;
    field?: unknown;
  };
  const text = typeof detail === "string" && detail !== "" ? detail : `The server responded with status ${status}.`;
  return new ApiError(sentence(text), status, typeof field === "string" ? field : "");
}

/** Errors of the command line begin in lower case; on a page they are sentences. */
export function sentence(text: string): string {
  return text === "" || /^(secret|job|disk|storage):/.test(text) ? text : text[0]!.toUpperCase() + text.slice(1);
}

function query(place: Place): string {
  return new URLSearchParams({ cluster: place.cluster, namespace: place.namespace }).toString();
}

/** The URL and the protocols to open a WebSocket with; the key is a protocol, so that no token is in the URL. */
export function socketAddress(path: string, place: Place): [url: string, protocols: string[]] {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return [`${scheme}//${location.host}${base}${path}?${query(place)}`, ["apolo.console", pageKey.get()]];
}

/** Downloads the log of a job, as far as there is one. */
export async function downloadLog(place: Place, name: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch(`${base}/jobs/${encodeURIComponent(name)}/log.txt?${query(place)}`, {
      headers: { "Apolo-Page-Key": pageKey.get() },
    });
  } catch {
    throw unreachable();
  }
  if (response.status === 401) onLoggedOut();
  if (!response.ok) throw toError(await response.json().catch(() => undefined), response.status);
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Reports whether the session is still valid; if not, the login page is shown. */
export async function stillLoggedIn(): Promise<boolean> {
  try {
    const session = await unwrap(api.GET("/session"));
    if (!session.authenticated) onLoggedOut();
    return session.authenticated;
  } catch {
    return true; // no response: it may still hold
  }
}
