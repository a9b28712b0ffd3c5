/**
 * `next/headers` of a request that the test makes up.
 * @module
 */

export interface Cookie {
  name: string;
  value: string;
  [attribute: string]: unknown;
}

/** What is being answered. */
export interface Request {
  headers: Headers;
  /** A render may not set cookies; Server Actions and Route Handlers may. */
  phase: "render" | "action";
  /** What was set, in order. */
  set: Cookie[];
}

let request: Request = { headers: new Headers(), phase: "render", set: [] };

/** Begins a request.
 * @returns it, to look at afterwards */
export function begin(headers: HeadersInit = {}, phase: Request["phase"] = "render"): Request {
  return (request = { headers: new Headers(headers), phase, set: [] });
}

export async function headers(): Promise<Headers> {
  return request.headers;
}

export async function cookies() {
  return {
    get(name: string): Cookie | undefined {
      const came = (request.headers.get("cookie") ?? "").split("; ").map((pair) => pair.split("="));
      const pair = came.find(([key]) => key === name);
      const set = request.set.findLast((cookie) => cookie.name === name);
      return set ?? (pair && { name, value: pair[1] ?? "" });
    },
    set(cookie: Cookie): void {
      if (request.phase === "render") throw new Error("Cookies can only be modified in a Server Action or Route Handler");
      request.set.push({ ...cookie, name: cookie.name });
    },
  };
}
