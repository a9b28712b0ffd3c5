import assert from "node:assert/strict";
import { test } from "node:test";

import { VestibuleError } from "../../src/errors.js";
import { getSession, requireSession } from "../../src/get-session.js";
import { begin } from "../fakes/headers.js";
import { claims, gateway, json, key, token } from "../fakes/gateway.js";
import { Redirect } from "../fakes/navigation.js";

process.env.VESTIBULE_URL = "http://gateway.test:3000";

const ours = key("ours");
const KEYS = { "GET /_vestibule/identity-keys": json({ keys: [ours.jwk] }) };
const identity = (change: object = {}) => token(ours, { ...claims(Math.floor(Date.now() / 1000)), ...change });
const user = { id: "7", username: "ada", name: "Ada Lovelace", email: "ada@example.com" };
const failed = (error: unknown) => error instanceof VestibuleError && error.code === "FAILED" && error.status === 500;
const unavailable = (error: unknown) => error instanceof VestibuleError && error.code === "UNAVAILABLE";

/** What a request to the site brings. */
const at = (headers: Record<string, string> = {}) => ({ "x-forwarded-host": "app.test", host: "127.0.0.1:3001", ...headers });

test("the identity header is the session, and without one nobody is signed in", async () => {
  const asked = gateway(KEYS);
  begin(at({ "x-vestibule-identity": identity() }));
  assert.deepEqual(await getSession(), { id: "handle", user });
  begin(at());
  assert.equal(await getSession(), null);
  assert.deepEqual(asked.map(({ url }) => url.href), ["http://gateway.test:3000/_vestibule/identity-keys"]);
  assert.equal(asked[0]?.init.cache, "no-store");
});

test("t5_a_header_that_is_refused_is_a_failure_and_never_signed_out_which_would_lead_in_a_circle", async (t) => {
  gateway(KEYS);
  const error = t.mock.method(console, "error", () => {});
  const now = Math.floor(Date.now() / 1000);
  for (const change of [{ iss: "https://other.test" }, { iss: "https://other.test" }, { iat: now - 126, exp: now - 66 }, { iat: now + 66, exp: now + 126 }]) {
    begin(at({ "x-vestibule-identity": identity(change) }));
    for (const ask of [getSession, requireSession]) await assert.rejects(ask(), failed);
  }
  const said = error.mock.calls.map(({ arguments: said }) => said.join());
  assert.deepEqual(said.map((line) => /believed: (.*?)\./.exec(line)?.[1]), ["it is of another site", "it has expired", "it is not valid yet"]);
  for (const line of said) assert.match(line, /clocks.*VESTIBULE_URL.*VESTIBULE_SITE/);
});

test("VESTIBULE_SITE names the site where the host doesn't", async (t) => {
  gateway(KEYS);
  t.mock.method(console, "error", () => {});
  t.after(() => delete process.env.VESTIBULE_SITE);
  process.env.VESTIBULE_SITE = "https://app.test";
  begin({ host: "preview.test", "x-vestibule-identity": identity() });
  assert.deepEqual((await getSession())?.user, user);
  process.env.VESTIBULE_SITE = "http://app.test";
  await assert.rejects(getSession(), failed);
});

test("er_04_when_the_proxy_could_not_find_out_it_is_unavailable_and_not_signed_out", async () => {
  begin(at({ "x-vestibule-outage": "1" }));
  await assert.rejects(getSession(), unavailable);
  await assert.rejects(requireSession(), unavailable);
});

test("whoever is not signed in is sent to sign in, and back to the page and query", async () => {
  const table: [Record<string, string>, string][] = [
    [{ "x-vestibule-path": "/orders?page=2&q=a%26b" }, "/login?next=%2Forders%3Fpage%3D2%26q%3Da%2526b"],
    [{}, "/login"],
  ];
  for (const [headers, to] of table) {
    begin(at(headers));
    await assert.rejects(requireSession(), (error) => error instanceof Redirect && error.to === to);
  }
});

test("t_3_a_sign_in_page_that_asks_for_a_session_is_a_mistake_and_not_a_way_in_a_circle", async () => {
  for (const path of ["/login", "/login?next=%2Forders", "/register"]) {
    begin(at({ "x-vestibule-path": path }));
    await assert.rejects(requireSession(), /asks for a session/);
  }
});

test("a session cookie in reach is newer than the headers: the gateway is asked whose it is", async () => {
  const asked = gateway({
    ...KEYS,
    "GET /api/auth/get-session": json({ session: { id: "new", expiresAt: "2027-01-01T00:00:00.000Z" }, user: { ...user, image: null } }),
  });
  begin(at({ "x-vestibule-identity": identity({ username: "old" }), cookie: "theme=dark; vestibule=sealed; vestibule_hint=h1" }));
  // By the handle that the header has for it too.
  assert.deepEqual(await getSession(), { id: "h1", user, expiresAt: new Date("2027-01-01T00:00:00Z") });
  assert.deepEqual(asked.map(({ headers }) => headers.get("cookie")), ["vestibule=sealed"]);
});

test("the cookie that the proxy has asked about is no news", async () => {
  gateway(KEYS);
  const cookie = "__Host-Http-vestibule=sealed";
  begin(at({ "x-vestibule-identity": identity(), "x-vestibule-cookie": cookie, cookie }));
  assert.equal((await getSession())?.id, "handle");
});

test("er_04_a_gateway_that_does_not_say_whose_cookie_it_is_is_unavailable", async () => {
  for (const answer of [json({ code: "UPSTREAM_SLOW", message: "Slow" }, 504), json({}), new Response("<html>")]) {
    gateway({ "GET /api/auth/get-session": answer });
    begin(at({ cookie: "vestibule=sealed" }));
    await assert.rejects(getSession(), unavailable);
  }
  gateway({});
  await assert.rejects(getSession(), unavailable);
  gateway({ "GET /api/auth/get-session": json(null) });
  assert.equal(await getSession(), null);
});
