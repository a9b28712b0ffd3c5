import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { cache } from "react";

import { VestibuleError, failure, unavailable } from "./errors.js";
import { ask } from "./gateway.js";
import { type Verified, verifier } from "./identity.js";
import { ENTRANCES, IDENTITY, OUTAGE } from "./names.js";
import { bearing, hostOf, pagePath } from "./request.js";
import { type Session, sessionFrom } from "./session.js";

/** Who is signed in, or `null`. Asks nobody: it checks the signature of what the gateway says of this request. Only
 * right after a {@link signIn}, in the same request, does it ask the gateway.
 *
 * Reads the request, so with `cacheComponents` the component that awaits it belongs into a `<Suspense>`.
 *
 * @throws {@link VestibuleError} `UNAVAILABLE` if it can't be known, and `FAILED` if the app is not set up for its gateway;
 * neither is ever told as "signed out" */
export const getSession: () => Promise<Session | null> = cache(async () => {
  const who = await bearing();
  switch (who.kind) {
    case "ended":
      return null;
    case "cookie":
      return askedWith(who);
    case "headers":
      return (await identity())?.session ?? null;
  }
});

/** Who is signed in. Whoever isn't is sent to sign in, and back here afterwards. Call it outside of `try`: it leaves by
 * an exception of Next.js.
 *
 * A layout is not rendered anew for each page below it, and a Server Action is an address of its own: call this in
 * every page and action that needs it.
 *
 * @throws {@link VestibuleError} `UNAVAILABLE` and `FAILED` as {@link getSession} */
export async function requireSession(): Promise<Session> {
  const session = await getSession();
  return session ?? redirect(await addressOf("/login"));
}

/** An address of the gateway that leads back to this page.
 * @throws `Error` on a page where people sign in: it would lead to itself */
export async function addressOf(path: "/login" | "/api/auth/expired"): Promise<string> {
  const page = await pagePath();
  if (page === null) return path;
  const [pathname = ""] = page.split("?");
  if (ENTRANCES.some((entrance) => entrance === pathname)) {
    throw new Error(`${pathname} asks for a session, where there is none yet: keep requireSession() and api out of it and its layouts`);
  }
  return `${path}?next=${encodeURIComponent(page)}`;
}

/** What the identity header of this request proves; `null` without one.
 *
 * Neither gateway nor proxy lets a client's copy through, so one that proves nothing says that the app is not set up for its
 * gateway, not that nobody is signed in: the gateway would send whoever came for a sign-in straight back.
 *
 * @throws {@link VestibuleError} `UNAVAILABLE` if it can't be judged; `FAILED` if it proves nothing, and stderr says once why */
export async function identity(): Promise<Verified | null> {
  const given = await headers();
  const [token, outage] = [given.get(IDENTITY), given.get(OUTAGE)];
  if (outage !== null) throw new VestibuleError({ code: "UNAVAILABLE" });
  if (token === null) return null;
  const opened = await trusted.open(token, (issuer) => isThisSite(issuer, hostOf(given)));
  if ("session" in opened) return opened;
  tellOnce(opened.refused);
  throw new VestibuleError({ code: "FAILED" }, { cause: new Error(`an identity header was not believed: ${opened.refused}`) });
}

const trusted = verifier({ keys: () => ask("/_vestibule/identity-keys"), now: Date.now });

/** The origin that `VESTIBULE_SITE` names; without it, any of the host that the request was for. */
function isThisSite(issuer: string, host: string | null): boolean {
  const site = process.env.VESTIBULE_SITE;
  if (site) return issuer === site;
  return URL.canParse(issuer) && new URL(issuer).host === host;
}

const told = new Set<string>();

/** For whoever runs the app. */
function tellOnce(reason: string): void {
  if (told.has(reason)) return;
  told.add(reason);
  console.error(`@vestibule/next: an identity header was not believed: ${reason}. ${TO_COMPARE}`);
}

const TO_COMPARE =
  "Compare the clocks of app and gateway, whether VESTIBULE_URL is the gateway that pages come through (its keys count), and VESTIBULE_SITE with the site's origin.";

async function askedWith({ cookie, hint }: { cookie: string; hint: string | null }): Promise<Session | null> {
  const answer = await ask("/api/auth/get-session", { headers: { cookie } });
  if (!answer.ok) throw await failure(answer);
  const session = sessionFrom(await answer.json().catch(() => undefined), hint);
  if (session === undefined) throw unavailable(new Error("the gateway's answer is no session"));
  return session;
}
