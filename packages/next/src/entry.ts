import { cookies, headers } from "next/headers";

import { failure, unavailable } from "./errors.js";
import { identity } from "./get-session.js";
import { ask } from "./gateway.js";
import { COOKIE, ENDED, HINT_COOKIES, SESSION_COOKIES } from "./names.js";
import { bearing, nameOrigin, visitor } from "./request.js";
import { type SessionUser, userFrom } from "./session.js";
import { parseSetCookie } from "./set-cookie.js";

/** What a person signs in with. */
export interface Credentials {
  /** A username, or an e-mail address. */
  username: string;
  password: string;
  /** Whether the browser keeps the session when it is closed. Default: yes. */
  remember?: boolean;
}

/** A new account. */
export interface NewAccount {
  name: string;
  username: string;
  email: string;
  password: string;
}

/** Signs the visitor in, from a Server Action or a Route Handler. From then on {@link getSession} and `api` act for them,
 * in this request too.
 * @throws {@link VestibuleError} `INVALID_CREDENTIALS`, `THROTTLED`, `VALIDATION`, `UNAVAILABLE` */
export async function signIn({ username, password, remember = true }: Credentials): Promise<SessionUser> {
  // A username never has an @.
  const [path, who] = username.includes("@")
    ? ["/api/auth/sign-in/email", { email: username }]
    : ["/api/auth/sign-in/username", { username }];
  return enter(path, { ...who, password, rememberMe: remember }, "sign-in");
}

/** Makes an account and signs the visitor in, from a Server Action or a Route Handler.
 * @throws {@link VestibuleError} `VALIDATION` with `fields`, `THROTTLED`, `UNAVAILABLE` */
export async function signUp({ name, username, email, password }: NewAccount): Promise<SessionUser> {
  return enter("/api/auth/sign-up/email", { name, username, email, password }, "session");
}

/** Signs the visitor out, from a Server Action or a Route Handler. Nothing happens if nobody is signed in.
 * @throws {@link VestibuleError} `UNAVAILABLE` if the gateway can't be asked, `FAILED` as `getSession`; the session is
 * then still there */
export async function signOut(): Promise<void> {
  const [who, given] = [await bearing(), await headers()];
  if (who.kind === "ended") return;
  const known = await identity();
  const cookie = who.kind === "cookie" ? who.cookie : given.get(COOKIE);
  if (cookie === null) return known ? leaveToTheGateway(known.issuer) : undefined;
  const sent = await visitor();
  sent.set("content-type", "application/json");
  sent.set("cookie", cookie);
  await nameOrigin(sent, known?.issuer);
  const answer = await ask("/api/auth/sign-out", { method: "POST", headers: sent, body: "{}" });
  if (!answer.ok) throw await failure(answer);
  await passOn(answer);
}

/** The gateway stands in front: it ends a session whose cookie the app deletes. */
async function leaveToTheGateway(site: string): Promise<void> {
  const secure = site.startsWith("https:");
  const at = secure ? 0 : 1;
  const jar = await cookies();
  const gone = { path: "/", maxAge: 0, secure, sameSite: "lax" } as const;
  jar.set({ ...gone, name: SESSION_COOKIES[at], value: "", httpOnly: true });
  jar.set({ ...gone, name: HINT_COOKIES[at], value: ENDED });
}

async function enter(path: string, body: object, asked: "session" | "sign-in"): Promise<SessionUser> {
  // Whoever signs in is nobody yet: neither a ticket nor a cookie goes along.
  const sent = await visitor();
  sent.set("content-type", "application/json");
  await nameOrigin(sent);
  const answer = await ask(path, { method: "POST", headers: sent, body: JSON.stringify(body) });
  if (!answer.ok) throw await failure(answer, asked);
  const { user } = ((await answer.json().catch(() => null)) ?? {}) as { user?: unknown };
  const whose = userFrom(user);
  if (!whose) throw unavailable(new Error("the gateway's answer names no user"));
  await passOn(answer);
  return whose;
}

/** Copies the cookies of the gateway's answer to our own. */
async function passOn(answer: Response): Promise<void> {
  const jar = await cookies();
  for (const line of answer.headers.getSetCookie()) {
    const cookie = parseSetCookie(line);
    if (cookie) jar.set(cookie);
  }
}
