import assert from "node:assert/strict";
import { test } from "node:test";

import { VestibuleError, failure } from "../../src/errors.js";
import { json } from "../fakes/gateway.js";

test("each status has its code", async () => {
  const table: [number, string][] = [
    [400, "VALIDATION"],
    [401, "SIGNED_OUT"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [409, "CONFLICT"],
    [413, "TOO_LARGE"],
    [418, "FAILED"],
    [422, "VALIDATION"],
    [429, "THROTTLED"],
    [500, "FAILED"],
    [502, "UNAVAILABLE"],
    [503, "UNAVAILABLE"],
    [504, "UNAVAILABLE"],
  ];
  for (const [status, code] of table) {
    const error = await failure(json({ detail: "Because." }, status));
    assert.deepEqual(error.toJSON(), { status, code, detail: "Because.", fields: {} });
  }
});

test("401 to a sign-in is about what was typed, and nothing else of a sign-in is", async () => {
  assert.equal((await failure(json({ message: "Invalid" }, 401), "sign-in")).code, "INVALID_CREDENTIALS");
  assert.equal((await failure(json({}, 503), "sign-in")).code, "UNAVAILABLE");
  assert.equal((await failure(json({}, 500), "sign-in")).code, "FAILED");
});

test("what was refused about a field is told by its name, whoever refused", async () => {
  const list = [
    { loc: ["body", "email"], msg: "Value error, not an address", type: "value_error" },
    { loc: ["body", "email"], msg: "again", type: "missing" },
    { loc: ["body", "items", 0, "name"], msg: "Field required", type: "missing" },
    { loc: ["body"], msg: "Not an object", type: "x" },
    { nonsense: true },
  ];
  const fields = { email: "not an address", "items.0.name": "Field required" };
  const table: [unknown, string, Record<string, string>][] = [
    [{ detail: list }, "Some of these values can't be used.", fields],
    [{ type: "urn:x", title: "Invalid", status: 422, detail: "Invalid values", code: "invalid", errors: list }, "Invalid values", fields],
    [{ detail: "Email is already registered" }, "Email is already registered", { email: "Email is already registered" }],
    [{ detail: "Username not available" }, "Username not available", { username: "Username not available" }],
    [{ detail: "No." }, "No.", {}],
    [{ code: "USERNAME_IS_ALREADY_TAKEN", message: "Taken." }, "Taken.", { username: "Taken." }],
    [{ code: "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", message: "Exists." }, "Exists.", { email: "Exists." }],
    [{ code: "PASSWORD_TOO_SHORT", message: "Password too short" }, "Password too short", { password: "Password too short" }],
    [{ code: "VALIDATION_ERROR", message: "[body.name] Too long" }, "Too long", { name: "Too long" }],
    [{ message: "No fields to update" }, "No fields to update", {}],
    [{ detail: { weird: true } }, "Some of these values can't be used.", {}],
    [["a list"], "Some of these values can't be used.", {}],
    ["text", "Some of these values can't be used.", {}],
  ];
  for (const [body, detail, fields] of table) {
    const error = await failure(json(body, 422));
    assert.deepEqual([error.detail, error.fields], [detail, fields], JSON.stringify(body));
  }
});

test("an answer that is not JSON still has a code and a sentence", async () => {
  const error = await failure(new Response("<html>Bad gateway", { status: 502 }));
  assert.deepEqual([error.code, error.detail], ["UNAVAILABLE", "A service behind this site isn't answering. Try again in a moment."]);
});

test("when to come back is told in seconds", async () => {
  assert.equal((await failure(json({}, 429, { "retry-after": "7" }))).retryAfter, 7);
  assert.equal((await failure(json({}, 429, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }))).retryAfter, undefined);
  assert.ok(!("retryAfter" in (await failure(json({}, 429)))));
});

test("a Route Handler can answer with it", async () => {
  const answer = new VestibuleError({ code: "THROTTLED", retryAfter: 3 }).toResponse();
  assert.deepEqual(
    [answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control"), answer.headers.get("retry-after")],
    [429, "application/problem+json", "no-store", "3"],
  );
  assert.equal(((await answer.json()) as { code: string }).code, "THROTTLED");
});
