/**
 * A gateway that answers `fetch` as the test says, and keys and tokens of its own.
 * @module
 */
import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";

/** A request that the gateway got. */
export interface Asked {
  method: string;
  url: URL;
  headers: Headers;
  body: string;
  init: RequestInit;
}

type Answer = (asked: Asked) => Response | Promise<Response>;

/** Answers all requests of this process from now on, by `METHOD /path?query`; what is not there is refused.
 * @returns what was asked, in order */
export function gateway(answers: Record<string, Answer | Response>): Asked[] {
  const asked: Asked[] = [];
  globalThis.fetch = async (input, init = {}) => {
    const request = new Request(input as URL, init);
    const url = new URL(request.url);
    const one = { method: request.method, url, headers: request.headers, body: await request.text(), init };
    asked.push(one);
    const answer = answers[`${request.method} ${url.pathname}${url.search}`];
    if (answer === undefined) throw new TypeError(`fetch failed: nobody answers ${request.method} ${url.pathname}`);
    return answer instanceof Response ? answer.clone() : answer(one);
  };
  return asked;
}

export function json(body: unknown, status = 200, headers: HeadersInit = {}): Response {
  return Response.json(body, { status, headers });
}

/** An answer with several `Set-Cookie` lines. */
export function withCookies(body: unknown, lines: string[]): Response {
  const headers = new Headers(lines.map((line) => ["set-cookie", line]));
  return Response.json(body, { headers });
}

/** A pair of keys and its line in the key document. */
export interface Key {
  kid: string;
  secret: KeyObject;
  jwk: Record<string, unknown>;
}

export function key(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { kid, secret: privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "EdDSA", use: "sig" } };
}

/** The claims of a good identity token at `now`, in seconds. */
export function claims(now: number): Record<string, unknown> {
  return {
    iss: "https://app.test",
    aud: "ui",
    sub: "7",
    sid: "handle",
    username: "ada",
    name: "Ada Lovelace",
    email: "ada@example.com",
    iat: now,
    exp: now + 60,
  };
}

/** A token as the gateway writes it. */
export function token(key: Key, payload: Record<string, unknown>, head: Record<string, unknown> = {}): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", typ: "JWT", kid: key.kid, ...head })}.${part(payload)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key.secret).toString("base64url")}`;
}
