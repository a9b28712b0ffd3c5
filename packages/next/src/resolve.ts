import type { NextRequest } from "next/server";

import { VestibuleError, failure, unavailable } from "./errors.js";
import { ask, tellOf } from "./gateway.js";
import { HINT_COOKIES, KEY, PATH, SESSION_COOKIES } from "./names.js";
import { parseSetCookie } from "./set-cookie.js";

/** What the gateway knows of a browser's session. */
export interface Resolved {
  /** For the header of that name; `null` if nobody is signed in. */
  identity: string | null;
  ticket: string | null;
  /** `Set-Cookie` lines for the browser. */
  cookies: string[];
  /** The session cookie that the browser has from now on, as `name=value`; `null` without one. */
  cookie: string | null;
}

/** Nobody is signed in, and nothing has to be said about it. */
const NOBODY: Resolved = { identity: null, ticket: null, cookies: [], cookie: null };

/** Asks `GET /api/auth/_resolve` about the browser of `request`, and only if it has a session cookie.
 * @throws {@link VestibuleError} `UNAVAILABLE` if there is no answer to go by; `Error` without `VESTIBULE_KEY` */
export async function resolve(request: NextRequest, path: string): Promise<Resolved> {
  const key = process.env.VESTIBULE_KEY;
  if (!key) throw new Error("VESTIBULE_KEY is not set: `vestibule next-key` prints it");
  const all = request.headers.get("cookie") ?? "";
  const came = sessionCookieIn(all);
  if (came === null) return NOBODY;
  // The ticket is for this visitor's address.
  const sent = tellOf(request.headers);
  for (const [name, value] of [["cookie", all], [KEY, key], [PATH, path]] as const) sent.set(name, value);
  const answer = await ask("/api/auth/_resolve", { headers: sent });
  if (answer.status === 404) return misled();
  if (!answer.ok) throw outage(await failure(answer));
  return read(await answer.json().catch(() => null), came);
}

/** The first cookie of a session's name in a `Cookie` header, as `name=value`. */
function sessionCookieIn(header: string): string | null {
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs.find(isSessionCookie) ?? null;
}

/** A `Cookie` header without ours; empty if nothing is left. */
export function withoutOurs(header: string): string {
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== "" && !isOneOf([...SESSION_COOKIES, ...HINT_COOKIES], pair)).join("; ");
}

function isSessionCookie(pair: string): boolean {
  return isOneOf(SESSION_COOKIES, pair);
}

function isOneOf(names: readonly string[], pair: string): boolean {
  return names.some((name) => pair.startsWith(`${name}=`));
}

function read(answer: unknown, came: string): Resolved {
  const { state, identity, ticket, cookies } = (answer ?? {}) as Record<string, unknown>;
  const isLines = Array.isArray(cookies) && cookies.every((line) => typeof line === "string");
  if (!isLines) throw unavailable(new Error("the gateway's answer can't be read"));
  const set = cookies.map(parseSetCookie).findLast((cookie) => cookie !== null && isSessionCookie(`${cookie.name}=`));
  if (state === "signed-out") return { ...NOBODY, cookies };
  if (state !== "signed-in" || typeof identity !== "string" || typeof ticket !== "string") {
    throw unavailable(new Error("the gateway's answer can't be read"));
  }
  return { identity, ticket, cookies, cookie: set ? `${set.name}=${set.value}` : came };
}

/** What is refused is our asking, not the session. */
function outage(error: VestibuleError): VestibuleError {
  return error.code === "UNAVAILABLE" ? error : unavailable(error);
}

function misled(): never {
  console.error("@vestibule/next: the gateway at VESTIBULE_URL does not take VESTIBULE_KEY: `vestibule next-key` prints the right one");
  throw unavailable(new Error("the gateway does not take VESTIBULE_KEY"));
}
