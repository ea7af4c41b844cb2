type Answer = object | ((body: unknown) => object);

const answers = new Map<string, Answer>();

/** The requests other than GET, such as "POST /secrets", with their bodies. */
export const sent: [route: string, body?: unknown][] = [];

/** Answers a request such as "GET /secrets" from now on, with data or with a Response. */
export function answer(route: string, with_: Answer): void {
  answers.set(route, with_);
}

/** An error response of the server, optionally about one field. */
export function refusal(status: number, detail: string, field?: string): Response {
  return Response.json({ detail, field }, { status });
}

export async function answerRequest(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const path = decodeURIComponent(new URL(request.url).pathname).replace("/api/v1", "");
  const route = `${request.method} ${path}`;
  const text = await request.text();
  const body: unknown = text ? JSON.parse(text) : undefined;
  if (request.method !== "GET") sent.push(body === undefined ? [route] : [route, body]);
  const found = answers.get(route);
  const data = typeof found === "function" ? (found as (body: unknown) => object)(body) : found;
  if (!data) return refusal(500, `no test answers ${route}`);
  return data instanceof Response ? data.clone() : Response.json(data);
}

export function forgetServer(): void {
  answers.clear();
  sent.length = 0;
}
