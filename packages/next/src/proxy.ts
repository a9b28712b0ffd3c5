/**
 * For `proxy.ts`, where Next.js stands in front of the gateway.
 * @module
 */
import { type NextRequest, NextResponse } from "next/server";

import { VestibuleError } from "./errors.js";
import { AT_THE_GATEWAY, COOKIE, ENTRANCES, IDENTITY, OURS, OUTAGE, PATH, TICKET } from "./names.js";
import { isAt, isProtected } from "./protect.js";
import { type Resolved, resolve, withoutOurs } from "./resolve.js";
import { returnPath } from "./return-path.js";

/** Finds out who is signed in before anything is rendered, refreshes the session if that is due, tells the render, and
 * keeps signed-out visitors from what `withVestibule` protects.
 *
 * Next.js reads `config` of `proxy.ts` without running it, so it has to be written out there:
 *
 * ```ts
 * export { proxy } from "@vestibule/next/proxy";
 *
 * export const config = {
 *   matcher: [
 *     { source: "/((?!_next/|favicon.ico).*)", missing: [{ type: "header", key: "next-router-prefetch" }] },
 *     { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "__Host-Http-vestibule" }] },
 *     { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "vestibule" }] },
 *   ],
 * };
 * ```
 *
 * @throws `Error` if `VESTIBULE_KEY` is not set, or `next.config` is not wrapped by `withVestibule` */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  const { pathname } = request.nextUrl;
  const protect = protectedPaths();
  // What the gateway answers itself goes there as it came.
  if (isAt(pathname, AT_THE_GATEWAY)) return NextResponse.next();
  if (ENTRANCES.some((page) => page === pathname)) return isRead(request) ? entrance(request) : NextResponse.next();
  const path = pathOf(request);
  const isGuarded = isProtected(pathname, protect);
  let resolved: Resolved;
  try {
    resolved = await resolve(request, path);
  } catch (error) {
    if (!(error instanceof VestibuleError)) throw error;
    return isGuarded ? unavailable(request, error) : passed(request, path, { [OUTAGE]: "1" });
  }
  const { identity, ticket, cookie, cookies } = resolved;
  const isSignedOut = identity === null;
  const answer =
    isGuarded && isSignedOut
      ? refused(request, path)
      : passed(request, path, { [IDENTITY]: identity, [TICKET]: ticket, [COOKIE]: cookie });
  return withCookies(answer, cookies, !isSignedOut);
}

/** Who is signed in already is led on. The form is the app's own page, or the gateway's, which wants the cookie. */
async function entrance(request: NextRequest): Promise<NextResponse> {
  let resolved: Resolved;
  try {
    resolved = await resolve(request, pathOf(request));
  } catch (error) {
    if (!(error instanceof VestibuleError)) throw error;
    return NextResponse.next();
  }
  const isSignedIn = resolved.identity !== null;
  const next = returnPath(request.nextUrl.searchParams.get("next"));
  return withCookies(isSignedIn ? redirected(request, next, 303) : NextResponse.next(), resolved.cookies, isSignedIn);
}

/** Next.js lets caches keep a static page, cookies and all. */
function withCookies(answer: NextResponse, lines: readonly string[], isPrivate: boolean): NextResponse {
  for (const line of lines) answer.headers.append("set-cookie", line);
  if (isPrivate || lines.length > 0) answer.headers.set("cache-control", "private, no-store");
  return answer;
}

/** Path and query of a request. Next.js shows a proxy the query written anew as a form writes it; there a `+` is a blank, which
 * is `%20` to everybody. */
function pathOf({ nextUrl: { pathname, search } }: NextRequest): string {
  return pathname + search.replaceAll("+", "%20");
}

function isRead({ method }: NextRequest): boolean {
  return method === "GET" || method === "HEAD";
}

/** On to the render, which is told this and nothing that the client made up. */
function passed(request: NextRequest, path: string, tell: Record<string, string | null>): NextResponse {
  const headers = new Headers(request.headers);
  for (const name of request.headers.keys()) if (name.startsWith(OURS)) headers.delete(name);
  const cookies = withoutOurs(request.headers.get("cookie") ?? "");
  if (cookies === "") headers.delete("cookie");
  else headers.set("cookie", cookies);
  for (const [name, value] of Object.entries({ [PATH]: path, ...tell })) if (value !== null) headers.set(name, value);
  return NextResponse.next({ request: { headers } });
}

/** To whoever has to sign in first, in the way that each kind of request takes. */
function refused(request: NextRequest, path: string): NextResponse {
  if (isForScripts(request)) return new VestibuleError({ code: "SIGNED_OUT" }).toResponse() as NextResponse;
  const login = `/login?next=${encodeURIComponent(path)}`;
  if (request.headers.has("next-action")) return toLoginFromAction(login);
  return redirected(request, login, isRead(request) ? 307 : 303);
}

/** To a path on this site. It is not kept: it is only true now. */
function redirected(request: NextRequest, path: string, status: 303 | 307): NextResponse {
  const answer = NextResponse.redirect(new URL(path, request.nextUrl), status);
  answer.headers.set("cache-control", "no-store");
  return answer;
}

/** The one answer on which Next.js leads away from a Server Action: 303 without `Location` and without a body (contract:
 * Next.js, N9). */
function toLoginFromAction(login: string): NextResponse {
  const headers = { "content-type": "text/plain", "cache-control": "no-store", "x-action-redirect": `${login};push` };
  return new NextResponse(null, { status: 303, headers });
}

/** The gateway can't be asked. The session is left alone. */
function unavailable(request: NextRequest, error: VestibuleError): NextResponse {
  const told = new VestibuleError({ ...error.toJSON(), status: 503, retryAfter: error.retryAfter ?? 2 }).toResponse();
  if (isForScripts(request)) return told as NextResponse;
  told.headers.set("content-type", "text/html; charset=utf-8");
  return new NextResponse(BACK_SOON, { status: 503, headers: told.headers });
}

function isForScripts(request: NextRequest): boolean {
  return isAt(request.nextUrl.pathname, ["/api"]);
}

const BACK_SOON = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>We'll be right back</title>
<h1>We'll be right back</h1>
<p>A service behind this page isn't answering. It's not your fault, and <strong>you're still signed in</strong>.</p>
<p><a href="">Try again</a></p>
</html>
`;

/** What `withVestibule` has written into the build. */
function protectedPaths(): string[] {
  const written = process.env.VESTIBULE_PROTECT;
  if (written === undefined) throw new Error("next.config is not wrapped by withVestibule of @vestibule/next/config");
  return JSON.parse(written) as string[];
}
