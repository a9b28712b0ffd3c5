import assert from "node:assert/strict";
import { test } from "node:test";

import { SIGN_OUT, destination, signInFrom, signUpFrom, submit } from "../../src/submit.js";
import { json } from "../fakes/gateway.js";

function form(...pairs: [string, string][]): FormData {
  const form = new FormData();
  for (const [name, value] of pairs) form.append(name, value);
  return form;
}

test("a sign-in form asks for a username or an e-mail address, and keeps the password as it is", () => {
  assert.deepEqual(signInFrom(form(["username", " ada "], ["password", " se cret "])), {
    path: "/api/auth/sign-in/username",
    body: { username: "ada", password: " se cret ", rememberMe: true },
  });
  assert.deepEqual(signInFrom(form(["username", "ada@example.com"], ["password", "x"])), {
    path: "/api/auth/sign-in/email",
    body: { email: "ada@example.com", password: "x", rememberMe: true },
  });
});

test("of remember the last value counts", () => {
  const remembered = (...values: string[]) => signInFrom(form(...values.map((value): [string, string] => ["remember", value]))).body.rememberMe;
  assert.deepEqual([remembered(), remembered("off"), remembered("off", "on"), remembered("on")], [true, false, true, true]);
});

test("a form for a new account sends its four fields", () => {
  const fields: [string, string][] = [["name", " Ada "], ["username", "ada"], ["email", "ada@example.com"], ["password", " x "], ["admin", "1"]];
  assert.deepEqual(signUpFrom(form(...fields)), {
    path: "/api/auth/sign-up/email",
    body: { name: "Ada", username: "ada", email: "ada@example.com", password: " x " },
  });
});

test("what is sent is JSON of this site, and done is null", async () => {
  const sent: [unknown, RequestInit | undefined][] = [];
  const send: typeof fetch = async (input, init) => (sent.push([input, init]), json({ success: true }));
  assert.equal(await submit(SIGN_OUT, send), null);
  const headers = { "content-type": "application/json" };
  assert.deepEqual(sent, [["/api/auth/sign-out", { method: "POST", credentials: "same-origin", headers, body: "{}" }]]);
});

test("wrong credentials, refused fields and an outage are told apart", async () => {
  const ask = async (answer: Response | Error, from = signInFrom(form())) => {
    const error = await submit(from, async () => (answer instanceof Error ? Promise.reject(answer) : answer));
    return [error?.code, error?.fields];
  };
  assert.deepEqual(await ask(json({ message: "Invalid", code: "INVALID_USERNAME_OR_PASSWORD" }, 401)), ["INVALID_CREDENTIALS", {}]);
  assert.deepEqual(await ask(json({ message: "Taken.", code: "USERNAME_IS_ALREADY_TAKEN" }, 400), signUpFrom(form())), ["VALIDATION", { username: "Taken." }]);
  assert.deepEqual(await ask(json({ message: "Slow" }, 504)), ["UNAVAILABLE", {}]);
  assert.deepEqual(await ask(new TypeError("Failed to fetch")), ["UNAVAILABLE", {}]);
});

test("p4_a_form_leads_nowhere_but_to_a_path_of_this_site", () => {
  const away = ["//evil.test", "https://evil.test", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)", "/\t/evil.test", "/\n/evil.test", "evil", "", "/a\\b"];
  for (const wish of away) assert.equal(destination([wish, "/home"], "https://app.test"), "/home", wish);
  assert.equal(destination(["/a?b=//c#d", "/home"], "https://app.test"), "/a?b=//c#d");
  assert.equal(destination([null, undefined, "//evil.test"], "https://app.test"), "/");
});

