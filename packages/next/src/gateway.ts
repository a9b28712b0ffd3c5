import { unavailable } from "./errors.js";

/** Where the gateway is: `VESTIBULE_URL`, by default `http://localhost:3000`. Server code reads it at run time, so one
 * build serves every place.
 * @throws `Error` if it is not an http or https origin */
export function gatewayOrigin(setting = process.env.VESTIBULE_URL): string {
  if (!setting) return "http://localhost:3000";
  const url = URL.canParse(setting) ? new URL(setting) : null;
  const isOrigin = url?.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  if (url && isOrigin && /^https?:$/.test(url.protocol)) return url.origin;
  // Not the value itself: it may hold a password.
  throw new Error("the gateway (VESTIBULE_URL) has to be an origin like http://localhost:3000");
}

/** How long the gateway may take until its answer begins, in milliseconds: longer than it waits for the API. */
const PATIENCE = 60_000;

/** A request to the gateway, never cached, and never followed elsewhere: its headers are for the gateway alone.
 * @param target path and query
 * @throws {@link VestibuleError} `UNAVAILABLE` if no answer begins; whatever `init.signal` was aborted with */
export async function ask(target: string, init: RequestInit = {}): Promise<Response> {
  const url = new URL(target, gatewayOrigin());
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error("the gateway took too long")), PATIENCE);
  const signal = init.signal ? AbortSignal.any([init.signal, late.signal]) : late.signal;
  try {
    return await fetch(url, { ...init, cache: "no-store", redirect: "manual", signal });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw unavailable(cause);
  } finally {
    clearTimeout(timer);
  }
}

/** What lets the gateway see the visitor's browser and address rather than ours; whether it believes the address is its
 * setting.
 * @param given the visitor's request */
export function tellOf(given: Pick<Headers, "get">): Headers {
  const sent = new Headers();
  for (const name of ["user-agent", "x-forwarded-for"]) {
    const value = given.get(name);
    if (value !== null) sent.set(name, value);
  }
  return sent;
}
