import { type JsonWebKey, type KeyObject, createPublicKey, verify } from "node:crypto";

import { unavailable } from "./errors.js";
import { type Session, userFrom } from "./session.js";

/** Opens identity tokens: compact JWS (RFC 7515), EdDSA (RFC 8037), audience `ui`. */
export interface Verifier {
  /** The session that `token` proves for the site at `isIssuer`, and the origin it was issued for; or why it proves none.
   * @throws {@link VestibuleError} `UNAVAILABLE` if it can't be judged, because the keys can't be had */
  open(token: string, isIssuer: (origin: string) => boolean): Promise<Verified | Refused>;
}

/** The token is authentic, for this site, and lives. */
export interface Verified {
  session: Session;
  /** The site's origin. */
  issuer: string;
}

/** It proves nothing; why, for a log. */
export interface Refused {
  refused: string;
}

/** What a verifier needs from outside. */
export interface Surroundings {
  /** The gateway's key document: a JWK Set (RFC 7517, 5). Rejects, or answers something else than 200, in an outage. */
  keys: () => Promise<Response>;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** How long a key document is good for; then a key taken out of it is no longer believed. Milliseconds. */
const FRESH = 60_000;

/** After a question for the document that was in vain, the next one waits so long; whatever kids turn up. Milliseconds. */
const PAUSE = 10_000;

/** By how much the clocks of gateway and app may differ, in seconds. */
const LEEWAY = 5;

/** A verifier that keeps the keys it has seen. */
export function verifier({ keys, now }: Surroundings): Verifier {
  const known = keyRing(keys, now);
  return {
    async open(token, isIssuer) {
      const parts = token.split(".");
      const [head, body, signature] = parts;
      if (!head || !body || !signature || parts.length !== 3) return { refused: "it is no token" };
      const { alg, typ, kid } = record(head);
      if (alg !== "EdDSA" || typ !== "JWT" || typeof kid !== "string") return { refused: "its header is not ours" };
      const key = await known(kid);
      if (!key) return { refused: "the gateway has no such key" };
      const signed = Buffer.from(`${head}.${body}`);
      if (!verify(null, signed, key, Buffer.from(signature, "base64url"))) return { refused: "its signature is wrong" };
      return judged(record(body), Math.floor(now() / 1000), isIssuer);
    },
  };
}

function judged(
  claims: Record<string, unknown>,
  now: number,
  isIssuer: (origin: string) => boolean,
): Verified | Refused {
  const { iss, aud, sub, sid, iat, exp } = claims;
  if (aud !== "ui") return { refused: "it is for another audience" };
  if (typeof iss !== "string" || !isIssuer(iss)) return { refused: "it is of another site" };
  if (typeof iat !== "number" || iat > now + LEEWAY) return { refused: "it is not valid yet" };
  if (typeof exp !== "number" || exp <= now - LEEWAY) return { refused: "it has expired" };
  const user = userFrom({ ...claims, id: sub });
  if (typeof sid !== "string" || !user) return { refused: "it names no session" };
  return { session: { user, id: sid }, issuer: iss };
}

/** The key of a kid, out of a document that is asked for when it is old, or lacks the kid; one question at a time. */
function keyRing(load: Surroundings["keys"], now: () => number): (kid: string) => Promise<KeyObject | undefined> {
  let ring = new Map<string, KeyObject>();
  let loadedAt = -Infinity;
  let inVainAt = -Infinity;
  let trouble: unknown;
  let flight: Promise<void> | undefined;
  const reload = async () => {
    const asked = now();
    try {
      ring = await keysIn(await load());
      loadedAt = asked;
      trouble = undefined;
    } catch (cause) {
      trouble = cause;
      inVainAt = asked;
    } finally {
      flight = undefined;
    }
  };
  return async (kid) => {
    const isDue = !ring.has(kid) || now() - loadedAt >= FRESH;
    const asks = isDue && (flight !== undefined || now() - inVainAt >= PAUSE);
    if (asks) await (flight ??= reload());
    const key = ring.get(kid);
    if (asks && !key) inVainAt = now();
    // A known key outlives an outage; an unknown one can't be judged during it.
    if (!key && trouble !== undefined) throw unavailable(trouble);
    return key;
  };
}

async function keysIn(document: Response): Promise<Map<string, KeyObject>> {
  if (!document.ok) throw new Error(`the identity keys were answered with ${document.status}`);
  const { keys } = (await document.json()) as { keys: (JsonWebKey & { kid?: unknown })[] };
  const ours = keys.filter(({ kty, crv, kid }) => kty === "OKP" && crv === "Ed25519" && typeof kid === "string");
  return new Map(ours.map((key) => [key.kid as string, createPublicKey({ key, format: "jwk" })]));
}

/** A part of a token, which is a JSON object; empty if it is none. */
function record(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
