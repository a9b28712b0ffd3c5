import { cookies, headers } from "next/headers";

import { tellOf } from "./gateway.js";
import { COOKIE, ENDED, HINT_COOKIES, IDENTITY, PATH, SESSION_COOKIES, TICKET } from "./names.js";

/** What the request that is being answered brings of its visitor.
 *
 * Gateway and proxy keep the session cookie out of `Cookie`. One that is there all the same is newer than the headers:
 * it was set during this request, by {@link signIn} or {@link signOut}, or the request passed neither. */
export type Bearing =
  /** Signed out during this request. */
  | { kind: "ended" }
  /** A session cookie, as `name=value`, and the hint beside it. */
  | { kind: "cookie"; cookie: string; hint: string | null }
  /** What the gateway, or the proxy, found out. Absent if nobody is signed in. */
  | { kind: "headers"; identity: string | null; ticket: string | null };

/** How this request can be told of. */
export async function bearing(): Promise<Bearing> {
  const [jar, given] = [await cookies(), await headers()];
  if (HINT_COOKIES.some((name) => jar.get(name)?.value === ENDED)) return { kind: "ended" };
  const hint = HINT_COOKIES.map((name) => jar.get(name)?.value).find(Boolean) ?? null;
  for (const name of SESSION_COOKIES) {
    const value = jar.get(name)?.value;
    if (value === "") return { kind: "ended" };
    if (value !== undefined && given.get(COOKIE) !== `${name}=${value}`) return { kind: "cookie", cookie: `${name}=${value}`, hint };
  }
  return { kind: "headers", identity: given.get(IDENTITY), ticket: given.get(TICKET) };
}

/** The headers that tell the gateway of this request's visitor. */
export async function visitor(): Promise<Headers> {
  return tellOf(await headers());
}

/** The headers that have the gateway act for the visitor. */
export async function onBehalf(): Promise<Headers> {
  const [who, sent] = [await bearing(), await visitor()];
  if (who.kind === "headers" && who.ticket !== null) sent.set(TICKET, who.ticket);
  if (who.kind === "cookie") {
    sent.set("cookie", who.cookie);
    await nameOrigin(sent);
  }
  return sent;
}

/** Names the origin that a request comes from, which the gateway wants of every change but by ticket: `fetch` of Node.js says
 * half of what a browser would. It is the visitor's, so a page of another site is refused; who names none is no browser, and
 * comes from this site.
 * @param site its origin, if it is known */
export async function nameOrigin(out: Headers, site = process.env.VESTIBULE_SITE): Promise<void> {
  const given = await headers();
  const here = () => `${given.get("x-forwarded-proto") ?? "http"}://${hostOf(given)}`;
  out.set("origin", given.get("origin") ?? (site || here()));
}

/** The host that the request was for. */
export function hostOf(given: Pick<Headers, "get">): string | null {
  return given.get("x-forwarded-host") ?? given.get("host");
}

/** Path and query of the page, as the browser sent them; `null` if the request passed neither gateway nor proxy. */
export async function pagePath(): Promise<string | null> {
  return (await headers()).get(PATH);
}

/** Whether this is a render. Only Server Actions and Route Handlers may set cookies (contract: Next.js, N1), so one is
 * offered that can't be read: a render refuses before it looks. */
export async function isRendering(): Promise<boolean> {
  const looked = new Error("looked");
  const unreadable = {
    get name(): string {
      throw looked;
    },
    value: "",
  };
  try {
    (await cookies()).set(unreadable);
  } catch (error) {
    return error !== looked;
  }
  return false;
}
