import assert from "node:assert/strict";
import { test } from "node:test";

import { type Surroundings, verifier } from "../../src/identity.js";
import { VestibuleError } from "../../src/errors.js";
import { type Key, claims, json, key, token } from "../fakes/gateway.js";

const NOW = 1_800_000_000;

const [ours, next, foreign] = [key("ours"), key("next"), key("ours")];

/** A verifier, and a world that a test moves. */
function world() {
  const world = {
    now: NOW,
    published: [ours],
    asked: 0,
    outage: null as Response | Error | null,
    open: (text: string) => verify.open(text, (issuer) => issuer === "https://app.test"),
  };
  const surroundings: Surroundings = {
    now: () => world.now * 1000,
    keys: async () => {
      world.asked += 1;
      if (world.outage instanceof Error) throw world.outage;
      return world.outage ?? json({ keys: world.published.map((key) => key.jwk) });
    },
  };
  const verify = verifier(surroundings);
  return world;
}

const good = (by: Key = ours, at = NOW) => token(by, claims(at));

test("a good token is a session, and names the site it is for", async () => {
  assert.deepEqual(await world().open(good()), {
    session: { id: "handle", user: { id: "7", username: "ada", name: "Ada Lovelace", email: "ada@example.com" } },
    issuer: "https://app.test",
  });
});

test("an account without an e-mail address has null", async () => {
  const opened = await world().open(token(ours, { ...claims(NOW), email: null }));
  assert.equal("session" in opened && opened.session.user.email, null);
});

test("what is forged, old, or meant for others is refused, and says why", async () => {
  const [head, body, signature] = good().split(".");
  const other = token(ours, { ...claims(NOW), username: "eve" }).split(".")[1];
  const of = (change: object) => token(ours, { ...claims(NOW), ...change });
  const cases: [string, string][] = [
    [`${head}.${other}.${signature}`, "its signature is wrong"],
    [good(foreign), "its signature is wrong"],
    [`${head}.${body}.`, "it is no token"],
    [`${head}.${body}`, "it is no token"],
    ["", "it is no token"],
    [`${head}.${body}.${signature}.x`, "it is no token"],
    [`!.${body}.${signature}`, "its header is not ours"],
    [token(ours, claims(NOW), { alg: "none" }), "its header is not ours"],
    [token(ours, claims(NOW), { alg: "HS256" }), "its header is not ours"],
    [token(ours, claims(NOW), { typ: "at+jwt" }), "its header is not ours"],
    [token(ours, claims(NOW), { kid: undefined }), "its header is not ours"],
    [token(ours, claims(NOW), { kid: "unknown" }), "the gateway has no such key"],
    [of({ aud: "api" }), "it is for another audience"],
    [of({ aud: ["ui"] }), "it is for another audience"],
    [of({ iss: "https://evil.test" }), "it is of another site"],
    [of({ iss: undefined }), "it is of another site"],
    [of({ iat: NOW + 60 }), "it is not valid yet"],
    [of({ exp: NOW - 5 }), "it has expired"],
    [of({ exp: undefined }), "it has expired"],
    [of({ exp: String(NOW + 60) }), "it has expired"],
    [of({ sid: undefined }), "it names no session"],
    [of({ sub: 7 }), "it names no session"],
    [of({ username: null }), "it names no session"],
  ];
  for (const [text, refused] of cases) assert.deepEqual(await world().open(text), { refused }, text);
});

test("clocks may differ by a few seconds", async () => {
  const at = world();
  for (const now of [NOW - 5, NOW + 64]) {
    at.now = now;
    assert.ok("session" in (await at.open(good())), String(now - NOW));
  }
});

test("keys are asked for once, however many tokens come at once, and again after a minute", async () => {
  const at = world();
  await Promise.all(Array.from({ length: 10 }, () => at.open(good())));
  at.now += 59;
  await at.open(good(ours, at.now));
  assert.equal(at.asked, 1);
  at.now += 1;
  await at.open(good(ours, at.now));
  assert.equal(at.asked, 2);
});

test("a new key is believed at once, and one taken away no more after a minute", async () => {
  const at = world();
  await at.open(good());
  at.published = [next];
  assert.ok("session" in (await at.open(good(next, at.now))));
  assert.deepEqual(await at.open(good(ours, at.now)), { refused: "the gateway has no such key" });
});

test("unknown kids have the keys asked for every ten seconds at most", async () => {
  const at = world();
  await at.open(good());
  for (let second = 0; second < 30; second++) {
    at.now += 1;
    assert.deepEqual(await at.open(good(next, at.now)), { refused: "the gateway has no such key" });
  }
  assert.equal(at.asked, 4);
});

test("er_04_an_outage_of_the_keys_is_unavailable_and_never_signed_out", async () => {
  for (const outage of [new TypeError("fetch failed"), json({}, 503), json({ keys: "none" }), new Response("<html>")]) {
    const at = world();
    at.outage = outage;
    const isOutage = (error: unknown) => error instanceof VestibuleError && error.code === "UNAVAILABLE";
    await assert.rejects(at.open(good()), isOutage);
    // Nor within the pause before the next question.
    at.now += 5;
    await assert.rejects(at.open(good()), isOutage);
    assert.equal(at.asked, 1);
    at.now += 5;
    at.outage = null;
    assert.ok("session" in (await at.open(good())));
  }
});

test("known keys outlive an outage", async () => {
  const at = world();
  await at.open(good());
  at.outage = new TypeError("fetch failed");
  at.now += 300;
  assert.ok("session" in (await at.open(good(ours, at.now))));
  await assert.rejects(at.open(good(next, at.now)), VestibuleError);
});

test("of a key document only Ed25519 keys with a kid count", async () => {
  const at = world();
  const { kid: _, ...nameless } = ours.jwk;
  at.published = [{ ...ours, jwk: nameless }, { ...ours, jwk: { kty: "oct", k: "c2VjcmV0", kid: "ours" } }];
  assert.deepEqual(await at.open(good()), { refused: "the gateway has no such key" });
});
