import assert from "node:assert/strict";
import { test } from "node:test";

import { api } from "../../src/api.js";
import { VestibuleError } from "../../src/errors.js";
import { begin } from "../fakes/headers.js";
import { gateway, json } from "../fakes/gateway.js";
import { Redirect } from "../fakes/navigation.js";

process.env.VESTIBULE_URL = "http://gateway.test:3000";

const TICKET = { "x-vestibule-session": "ticket", "x-vestibule-path": "/orders?page=2" };

/** The gateway's word that the session is over. */
const OVER = { code: "signed_out", title: "Not signed in", status: 401, detail: "Not authenticated" };

const failsWith = (code: string) => (error: unknown) => error instanceof VestibuleError && error.code === code;

test("calls show the ticket, keep nothing, and follow nowhere", async () => {
  begin({ ...TICKET, "user-agent": "Browser/1", "x-forwarded-for": "203.0.113.9", cookie: "theme=dark", authorization: "Bearer x" });
  const asked = gateway({ "GET /api/v1/user/me?full=1": json({ name: "Ada" }) });
  assert.deepEqual(await api.get<{ name: string }>("/user/me?full=1", { headers: { "x-mine": "1" } }), { name: "Ada" });
  const [one] = asked;
  assert.deepEqual(
    [one?.url.origin, one?.init.cache, one?.init.redirect],
    ["http://gateway.test:3000", "no-store", "manual"],
  );
  assert.deepEqual(Object.fromEntries(one?.headers ?? []), {
    accept: "application/json",
    "user-agent": "Browser/1",
    "x-forwarded-for": "203.0.113.9",
    "x-mine": "1",
    "x-vestibule-session": "ticket",
  });
});

test("nobody's call has no ticket, and a caller's own header never passes for one", async () => {
  const asked = gateway({ "GET /api/v1/public": json([]) });
  begin({ "x-vestibule-path": "/" });
  await api.get("/public");
  assert.equal(asked[0]?.headers.get("x-vestibule-session"), null);
  begin(TICKET);
  await api.get("/public", { headers: { "X-Vestibule-Session": "other" } });
  assert.equal(asked[1]?.headers.get("x-vestibule-session"), "ticket");
});

test("each method sends its body as JSON, or as what it is", async () => {
  begin(TICKET, "action");
  const form = new FormData();
  form.set("a", "1");
  const table: [unknown, string | null, string][] = [
    [{ a: 1 }, "application/json", '{"a":1}'],
    ["text", "application/json", '"text"'],
    [null, "application/json", "null"],
    [undefined, null, ""],
    [new URLSearchParams({ a: "1" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=1"],
    [new Blob(["x"], { type: "text/csv" }), "text/csv", "x"],
    [new TextEncoder().encode("bytes"), null, "bytes"],
    [new Blob(["streamed"]).stream(), null, "streamed"],
  ];
  for (const method of ["post", "put", "patch", "delete"] as const) {
    const name = method.toUpperCase();
    const asked = gateway({ [`${name} /api/v1/x`]: json({ ok: true }) });
    for (const [body, type, text] of table) {
      if (body instanceof ReadableStream && body.locked) continue;
      assert.deepEqual(await api[method]("/x", body), { ok: true });
      const sent = asked.at(-1);
      assert.deepEqual([sent?.method, sent?.headers.get("content-type"), sent?.body], [name, type, text]);
    }
    await api[method]("/x", form);
    assert.match(asked.at(-1)?.headers.get("content-type") ?? "", /^multipart\/form-data; boundary=/);
  }
});

test("an empty answer is undefined, and one that is not JSON an error", async () => {
  begin(TICKET);
  gateway({ "GET /api/v1/empty": new Response(null, { status: 204 }), "GET /api/v1/page": new Response("<html>") });
  assert.equal(await api.get("/empty"), undefined);
  await assert.rejects(api.get("/page"), failsWith("FAILED"));
});

test("a path leads nowhere but into the API", async () => {
  begin(TICKET);
  const asked = gateway({});
  for (const path of ["user", "", "/../auth", "/user/..", "/%2e%2E/x", "/.%2e/x", "/a/./b", "/a\\b", "/.\t./x", "//x/../..", "http://evil.test/"]) {
    await assert.rejects(api.get(path), TypeError, path);
  }
  assert.deepEqual(asked, []);
});

test("401 in a render leads to where the gateway finds out, and back to the page", async () => {
  gateway({ "GET /api/v1/x": json(OVER, 401), "DELETE /api/v1/x": json(OVER, 401) });
  begin(TICKET);
  const to = "/api/auth/expired?next=%2Forders%3Fpage%3D2";
  for (const call of [() => api.get("/x"), () => api.delete("/x"), () => api.stream("/x")]) {
    await assert.rejects(call(), (error) => error instanceof Redirect && error.to === to);
  }
});

test("401 in a Server Action or Route Handler is thrown, and sets no cookie on the way", async () => {
  gateway({ "GET /api/v1/x": json(OVER, 401) });
  const request = begin(TICKET, "action");
  await assert.rejects(api.get("/x"), failsWith("SIGNED_OUT"));
  assert.deepEqual(request.set, []);
});

test("a 401 of one route, to somebody whose session lives, is an error: the gateway would lead back and forth", async () => {
  gateway({ "GET /api/v1/x": json({ detail: "A second factor is needed" }, 401) });
  for (const phase of ["render", "action"] as const) {
    begin(TICKET, phase);
    const isRoutes = (error: unknown) => error instanceof VestibuleError && error.status === 401 && error.detail === "A second factor is needed";
    for (const call of [() => api.get("/x"), () => api.stream("/x")]) {
      await assert.rejects(call(), (error) => isRoutes(error) && failsWith("FORBIDDEN")(error));
    }
  }
});

test("whoever is nobody is sent to sign in by whatever 401", async () => {
  gateway({ "GET /api/v1/x": json({ detail: "Not authenticated" }, 401) });
  begin({ "x-vestibule-path": "/orders" });
  await assert.rejects(api.get("/x"), (error) => error instanceof Redirect && error.to === "/login?next=%2Forders");
  begin({}, "action");
  await assert.rejects(api.get("/x"), failsWith("SIGNED_OUT"));
});

test("every other refusal is an error of its code, in a render too", async () => {
  begin(TICKET);
  const table: [number, string][] = [[307, "FAILED"], [403, "FORBIDDEN"], [404, "NOT_FOUND"], [422, "VALIDATION"], [500, "FAILED"], [503, "UNAVAILABLE"]];
  for (const [status, code] of table) {
    gateway({ "GET /api/v1/x": json({}, status) });
    await assert.rejects(api.get("/x"), failsWith(code), String(status));
  }
});

test("er_04_no_answer_is_unavailable", async () => {
  begin(TICKET);
  gateway({});
  await assert.rejects(api.get("/x"), failsWith("UNAVAILABLE"));
  await assert.rejects(api.stream("/x"), failsWith("UNAVAILABLE"));
});

test("a call that its caller cancels ends with the caller's reason", async () => {
  begin(TICKET);
  gateway({ "GET /api/v1/x": ({ init }) => new Promise((_, fail) => init.signal?.addEventListener("abort", () => fail(init.signal?.reason))) });
  const abort = new AbortController();
  const reason = new Error("changed my mind");
  const call = api.get("/x", { signal: abort.signal });
  setImmediate(() => abort.abort(reason));
  await assert.rejects(call, reason);
});

test("a stream arrives as it is sent, with the headers that describe it and no others", async () => {
  begin(TICKET);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const headers = { "content-type": "text/csv", "content-disposition": 'attachment; filename="a.csv"', "set-cookie": "a=b", etag: '"1"', server: "x" };
  const asked = gateway({ "GET /api/v1/export": () => new Response(readable, { headers }) });
  const answer = await api.stream("/export");
  assert.deepEqual(Object.fromEntries(answer.headers), {
    "cache-control": "private, no-store",
    "content-disposition": 'attachment; filename="a.csv"',
    "content-type": "text/csv",
  });
  const [writer, reader] = [writable.getWriter(), answer.body?.getReader()];
  void writer.write(Buffer.from("first"));
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "first");
  void writer.write(Buffer.from("second"));
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "second");
  assert.equal(asked[0]?.headers.get("accept-encoding"), "identity");
});

test("a stream can be asked for by any method", async () => {
  begin(TICKET);
  const asked = gateway({ "POST /api/v1/report": json({}) });
  await api.stream("/report", { method: "POST", body: { year: 1843 } });
  assert.equal(asked[0]?.body, '{"year":1843}');
});

test("VESTIBULE_URL has to be an origin", async (t) => {
  t.after(() => (process.env.VESTIBULE_URL = "http://gateway.test:3000"));
  for (const setting of ["gateway:3000", "http://u:secret@gateway", "http://gateway/path", "ftp://gateway"]) {
    process.env.VESTIBULE_URL = setting;
    await assert.rejects(api.get("/x"), (error: Error) => /VESTIBULE_URL/.test(error.message) && !error.message.includes("secret"));
  }
});
