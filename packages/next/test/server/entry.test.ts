import assert from "node:assert/strict";
import { test } from "node:test";

import { api } from "../../src/api.js";
import { signIn, signOut, signUp } from "../../src/entry.js";
import { VestibuleError } from "../../src/errors.js";
import { getSession } from "../../src/get-session.js";
import { begin } from "../fakes/headers.js";
import { claims, gateway, json, key, token, withCookies } from "../fakes/gateway.js";

process.env.VESTIBULE_URL = "http://gateway.test:3000";

const user = { id: "7", username: "ada", name: "Ada Lovelace", email: "ada@example.com" };
const BEGUN = [
  "__Host-Http-vestibule=v1.sealed; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
  "__Host-vestibule_hint=h1; Path=/; Max-Age=600; SameSite=Lax; Secure",
];
const ENDED = BEGUN.map((line) => line.replace(/=[^;]*;/, "=;").replace("=600", "=0"));
const SET = [
  { name: "__Host-Http-vestibule", value: "v1.sealed", path: "/", maxAge: 600, httpOnly: true, sameSite: "lax", secure: true },
  { name: "__Host-vestibule_hint", value: "h1", path: "/", maxAge: 600, sameSite: "lax", secure: true },
];

const failsWith = (code: string) => (error: unknown) => error instanceof VestibuleError && error.code === code;
const ours = key("entry");
const KEYS = { "GET /_vestibule/identity-keys": json({ keys: [ours.jwk] }) };

test("signing in copies the cookies with all attributes, and answers who it is", async () => {
  const request = begin({ "x-vestibule-session": "of before", "user-agent": "Browser/1", cookie: "vestibule=before", origin: "https://app.test" }, "action");
  const asked = gateway({ "POST /api/auth/sign-in/username": withCookies({ redirect: false, token: "t", user: { ...user, image: null } }, BEGUN) });
  assert.deepEqual(await signIn({ username: "ada", password: "secret" }), user);
  assert.deepEqual(request.set, SET);
  // Nothing of a session goes along.
  assert.deepEqual(Object.fromEntries(asked[0]?.headers ?? []), { "content-type": "application/json", origin: "https://app.test", "user-agent": "Browser/1" });
  assert.deepEqual(JSON.parse(asked[0]?.body ?? ""), { username: "ada", password: "secret", rememberMe: true });
});

test("cs_01_a_sign_in_names_the_visitors_origin_and_for_who_is_no_browser_the_sites", async (t) => {
  t.after(() => delete process.env.VESTIBULE_SITE);
  const table: [Record<string, string>, string | undefined, string][] = [
    [{ origin: "https://evil.test", host: "app.test" }, undefined, "https://evil.test"],
    [{ "x-forwarded-proto": "https", "x-forwarded-host": "app.test:8443", host: "127.0.0.1:3001" }, undefined, "https://app.test:8443"],
    [{ host: "localhost:3000" }, undefined, "http://localhost:3000"],
    [{ host: "preview.test" }, "https://app.test", "https://app.test"],
  ];
  for (const [headers, site, origin] of table) {
    delete process.env.VESTIBULE_SITE;
    if (site) process.env.VESTIBULE_SITE = site;
    begin(headers, "action");
    const asked = gateway({ "POST /api/auth/sign-in/username": withCookies({ user }, BEGUN) });
    await signIn({ username: "ada", password: "secret" });
    assert.equal(asked[0]?.headers.get("origin"), origin);
  }
});

test("an e-mail address signs in too, and a session need not be remembered", async () => {
  begin({}, "action");
  const asked = gateway({ "POST /api/auth/sign-in/email": withCookies({ user }, BEGUN) });
  await signIn({ username: "ada@example.com", password: "secret", remember: false });
  assert.deepEqual(JSON.parse(asked[0]?.body ?? ""), { email: "ada@example.com", password: "secret", rememberMe: false });
});

test("wrong credentials, too many of them, and an outage are three things", async () => {
  const request = begin({}, "action");
  for (const [status, code] of [[401, "INVALID_CREDENTIALS"], [429, "THROTTLED"], [503, "UNAVAILABLE"], [500, "FAILED"]] as const) {
    gateway({ "POST /api/auth/sign-in/username": json({ message: "No." }, status) });
    await assert.rejects(signIn({ username: "ada", password: "x" }), failsWith(code));
  }
  gateway({});
  await assert.rejects(signIn({ username: "ada", password: "x" }), failsWith("UNAVAILABLE"));
  gateway({ "POST /api/auth/sign-in/username": withCookies({ user: null }, BEGUN) });
  await assert.rejects(signIn({ username: "ada", password: "x" }), failsWith("UNAVAILABLE"));
  assert.deepEqual(request.set, []);
});

test("signing up tells which field is taken", async () => {
  const request = begin({}, "action");
  const body = { name: "Ada", username: "ada", email: "ada@example.com", password: "secret" };
  gateway({ "POST /api/auth/sign-up/email": json({ code: "USERNAME_IS_ALREADY_TAKEN", message: "Taken." }, 400) });
  await assert.rejects(signUp(body), (error) => failsWith("VALIDATION")(error) && (error as VestibuleError).fields.username === "Taken.");
  const asked = gateway({ "POST /api/auth/sign-up/email": withCookies({ token: "t", user }, BEGUN) });
  assert.deepEqual(await signUp(body), user);
  assert.deepEqual(JSON.parse(asked[0]?.body ?? ""), body);
  assert.deepEqual(request.set, SET);
});

test("after a sign-in, the rest of the request acts for the new session, whoever's it was", async () => {
  begin({ "x-vestibule-session": "of before", origin: "https://app.test" }, "action");
  const asked = gateway({
    "POST /api/auth/sign-in/username": withCookies({ user }, BEGUN),
    "GET /api/auth/get-session": json({ session: { id: "new" }, user }),
    "POST /api/v1/notes": json({ id: 1 }),
  });
  await signIn({ username: "ada", password: "secret" });
  assert.equal((await getSession())?.id, "h1");
  await api.post("/notes", {});
  const { headers } = asked.at(-1) ?? {};
  assert.deepEqual(
    ["cookie", "origin", "x-vestibule-session"].map((name) => headers?.get(name)),
    ["__Host-Http-vestibule=v1.sealed", "https://app.test", null],
  );
});

test("behind the gateway, signing out deletes the cookie, which ends the session", async () => {
  for (const [iss, name, hint] of [
    ["https://app.test", "__Host-Http-vestibule", "__Host-vestibule_hint"],
    ["http://app.test", "vestibule", "vestibule_hint"],
  ] as const) {
    const identity = token(ours, { ...claims(Math.floor(Date.now() / 1000)), iss });
    const request = begin({ "x-forwarded-host": "app.test", "x-vestibule-identity": identity, "x-vestibule-session": "ticket" }, "action");
    const asked = gateway(KEYS);
    await signOut();
    const gone = { path: "/", maxAge: 0, secure: iss.startsWith("https"), sameSite: "lax" };
    assert.deepEqual(request.set, [{ ...gone, name, value: "", httpOnly: true }, { ...gone, name: hint, value: "ended" }]);
    assert.equal(await getSession(), null);
    await signOut();
    assert.equal(request.set.length, 2);
    assert.ok(asked.every(({ method }) => method === "GET"));
  }
});

test("in front of the gateway, signing out asks it, with the cookie that the proxy kept aside", async () => {
  const request = begin({ "x-vestibule-cookie": "__Host-Http-vestibule=sealed", origin: "https://app.test" }, "action");
  const asked = gateway({ "POST /api/auth/sign-out": withCookies({ success: true }, ENDED) });
  await signOut();
  assert.deepEqual(
    [asked[0]?.headers.get("cookie"), asked[0]?.headers.get("origin"), asked[0]?.body],
    ["__Host-Http-vestibule=sealed", "https://app.test", "{}"],
  );
  assert.deepEqual(request.set.map(({ name, value, maxAge }) => [name, value, maxAge]), [
    ["__Host-Http-vestibule", "", 0],
    ["__Host-vestibule_hint", "", 0],
  ]);
  assert.equal(await getSession(), null);
});

test("a sign-out that the gateway does not confirm is not told as done", async () => {
  const request = begin({ "x-vestibule-cookie": "vestibule=sealed" }, "action");
  for (const answers of [{}, { "POST /api/auth/sign-out": json({ message: "Slow" }, 504) }]) {
    gateway(answers);
    await assert.rejects(signOut(), failsWith("UNAVAILABLE"));
  }
  assert.deepEqual(request.set, []);
});

test("whoever is not signed in signs out without a question", async () => {
  const request = begin({}, "action");
  const asked = gateway({});
  await signOut();
  assert.deepEqual([request.set, asked], [[], []]);
});
