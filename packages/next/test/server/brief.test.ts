import assert from "node:assert/strict";
import { test } from "node:test";

import * as calls from "../brief/api-with-auth.js";
import * as actions from "../brief/auth.js";
import { begin } from "../fakes/headers.js";
import { claims, gateway, json, key, token, withCookies } from "../fakes/gateway.js";

const user = { id: "7", username: "ada", name: "Ada Lovelace", email: "ada@example.com" };
const LINE = "vestibule=sealed; Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
const account = { name: "Ada", username: "ada", email: "ada@example.com", password: "secret" };

test("loginAction signs in, and tells wrong credentials from an outage", async () => {
  const request = begin({}, "action");
  gateway({ "POST /api/auth/sign-in/username": withCookies({ user }, [LINE]) });
  assert.deepEqual(await actions.loginAction("ada", "secret"), { success: true, user });
  assert.deepEqual(request.set.map(({ name }) => name), ["vestibule"]);
  gateway({ "POST /api/auth/sign-in/username": json({ message: "Invalid username or password" }, 401) });
  assert.deepEqual(await actions.loginAction("ada", "wrong"), { success: false, error: "Invalid username or password" });
  gateway({});
  const { error } = (await actions.loginAction("ada", "secret")) as { error: string };
  assert.match(error, /isn't answering/);
});

test("registerAction makes the account, or says why not", async () => {
  begin({}, "action");
  gateway({ "POST /api/auth/sign-up/email": withCookies({ user }, [LINE]) });
  assert.deepEqual(await actions.registerAction(account), { success: true, user });
  gateway({ "POST /api/auth/sign-up/email": json({ code: "USERNAME_IS_ALREADY_TAKEN", message: "Taken." }, 400) });
  assert.deepEqual(await actions.registerAction(account), { success: false, error: "Taken." });
});

test("logoutAction ends the session", async () => {
  const ours = key("brief");
  const identity = token(ours, { ...claims(Math.floor(Date.now() / 1000)), iss: "http://app.test" });
  gateway({ "GET /_vestibule/identity-keys": json({ keys: [ours.jwk] }) });
  const request = begin({ host: "app.test", "x-vestibule-identity": identity }, "action");
  assert.deepEqual(await actions.logoutAction(), { success: true });
  assert.deepEqual(request.set.map(({ name, maxAge }) => [name, maxAge]), [["vestibule", 0], ["vestibule_hint", 0]]);
});

test("the WithAuth calls reach the API as whoever is signed in", async () => {
  begin({ "x-vestibule-session": "ticket" });
  const asked = gateway({
    "GET /api/v1/user/me": json(user),
    "POST /api/v1/notes": json({ id: 1 }),
    "PUT /api/v1/notes/1": json({ id: 1 }),
    "DELETE /api/v1/notes/1": json({ message: "gone" }),
  });
  assert.deepEqual(await calls.getWithAuth("/user/me"), user);
  await calls.postWithAuth("/notes", { text: "a" });
  await calls.putWithAuth("/notes/1", { text: "b" }, { headers: { "x-mine": "1" } });
  await calls.delWithAuth("/notes/1");
  assert.deepEqual(asked.map(({ method, body }) => `${method} ${body}`), ["GET ", 'POST {"text":"a"}', 'PUT {"text":"b"}', "DELETE "]);
  for (const { headers } of asked) assert.equal(headers.get("x-vestibule-session"), "ticket");
});
