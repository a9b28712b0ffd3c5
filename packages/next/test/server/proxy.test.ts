import assert from "node:assert/strict";
import { test } from "node:test";

import { NextRequest } from "next/server.js";

import { proxy } from "../../src/proxy.js";
import { gateway, json } from "../fakes/gateway.js";

process.env.VESTIBULE_URL = "http://gateway.test:3000";
process.env.VESTIBULE_KEY = "app-key";
process.env.VESTIBULE_PROTECT = '["/dashboard","/api/mine"]';

const ASK = "GET /api/auth/_resolve";
const LINE = "vestibule=fresh; Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
const GONE = "vestibule=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
const signedIn = (cookies: string[] = []) => json({ state: "signed-in", identity: "who", ticket: "tick", cookies });
const signedOut = (cookies: string[] = []) => json({ state: "signed-out", identity: null, ticket: null, cookies });

function visit(path: string, headers: Record<string, string> = {}, method = "GET") {
  return proxy(new NextRequest(new URL(path, "http://localhost:3001"), { method, headers }));
}

/** What the render is told: Next.js takes it from these headers of the answer. */
function told(answer: Response): Record<string, string> {
  const names = (answer.headers.get("x-middleware-override-headers") ?? "").split(",").filter((name) => name !== "");
  return Object.fromEntries(names.map((name) => [name, answer.headers.get(`x-middleware-request-${name}`) ?? ""]));
}

const isPassedOn = (answer: Response) => answer.headers.get("x-middleware-next") === "1";

test("without a session cookie nobody is asked, and caches are left alone", async () => {
  const asked = gateway({});
  const answer = await visit("/about?a=1", { cookie: "theme=dark", accept: "*/*" });
  assert.ok(isPassedOn(answer));
  assert.deepEqual(told(answer), { accept: "*/*", cookie: "theme=dark", "x-vestibule-path": "/about?a=1" });
  assert.equal(answer.headers.get("cache-control"), null);
  assert.deepEqual(asked, []);
});

test("t3_what_a_client_says_of_itself_does_not_reach_the_render", async () => {
  const headers = ["identity", "session", "path", "cookie", "outage", "key", "anything"].map((name) => [`X-Vestibule-${name}`, "forged"]);
  assert.deepEqual(told(await visit("/", Object.fromEntries(headers))), { "x-vestibule-path": "/" });
});

test("with one, the gateway is asked, and the render is told; the cookie is not among it", async () => {
  const asked = gateway({ [ASK]: signedIn() });
  const cookie = "theme=dark; vestibule=sealed; vestibule_hint=h1; a=b";
  const visitor = { "user-agent": "Browser/1", "x-forwarded-for": "203.0.113.9" };
  const answer = await visit("/dashboard?page=2", { cookie, ...visitor, "x-vestibule-identity": "forged" });
  assert.deepEqual(Object.fromEntries(asked[0]?.headers ?? []), { cookie, ...visitor, "x-vestibule-key": "app-key", "x-vestibule-path": "/dashboard?page=2" });
  assert.deepEqual(told(answer), {
    ...visitor,
    cookie: "theme=dark; a=b",
    "x-vestibule-cookie": "vestibule=sealed",
    "x-vestibule-identity": "who",
    "x-vestibule-path": "/dashboard?page=2",
    "x-vestibule-session": "tick",
  });
  assert.equal(answer.headers.get("cache-control"), "private, no-store");
  assert.deepEqual(answer.headers.getSetCookie(), []);
});

test("g9_cookies_are_relayed_line_by_line_and_never_to_a_cache", async () => {
  const lines = [LINE, "vestibule_hint=h2; Path=/; SameSite=Lax"];
  gateway({ [ASK]: signedIn(lines) });
  const answer = await visit("/about", { cookie: "vestibule=old" });
  assert.deepEqual(answer.headers.getSetCookie(), lines);
  assert.equal(answer.headers.get("cache-control"), "private, no-store");
  assert.equal(told(answer)["x-vestibule-cookie"], "vestibule=fresh");
  gateway({ [ASK]: signedOut([GONE]) });
  const public_ = await visit("/about", { cookie: "vestibule=dead" });
  assert.deepEqual([isPassedOn(public_), public_.headers.getSetCookie(), public_.headers.get("cache-control")], [true, [GONE], "private, no-store"]);
  assert.deepEqual(told(public_), { "x-vestibule-path": "/about" });
});

test("who has to sign in first is sent there in the way that each request takes", async () => {
  const next = "/login?next=%2Fdashboard%2Fa%3Fb%3D1";
  for (const [method, status] of [["GET", 307], ["HEAD", 307], ["POST", 303], ["PUT", 303]] as const) {
    const answer = await visit("/dashboard/a?b=1", {}, method);
    const { status: given, headers } = answer;
    assert.deepEqual([given, headers.get("location"), headers.get("cache-control")], [status, `http://localhost:3001${next}`, "no-store"]);
  }
  const action = await visit("/dashboard/a?b=1", { "next-action": "4f2a" }, "POST");
  assert.equal(action.status, 303);
  assert.equal(await action.text(), "");
  assert.deepEqual(Object.fromEntries(action.headers), {
    "cache-control": "no-store",
    "content-type": "text/plain",
    "x-action-redirect": `${next};push`,
  });
  const script = await visit("/api/mine/1");
  assert.deepEqual([script.status, ((await script.json()) as { code: string }).code], [401, "SIGNED_OUT"]);
});

test("a dead session is sent to sign in without its cookie", async () => {
  gateway({ [ASK]: signedOut([GONE]) });
  const answer = await visit("/dashboard", { cookie: "vestibule=dead" });
  assert.deepEqual([answer.status, answer.headers.getSetCookie(), answer.headers.get("cache-control")], [307, [GONE], "private, no-store"]);
});

test("a protected path is one however it is written", async () => {
  const paths = [
    "/dashboard", "/dashboard/", "/%64ashboard", "/.//dashboard", "/dashboard%2Fa", "/dashboard%5Ca", "/a/../dashboard", "/dashboard.rsc",
    "/dashboard.segments/_tree.segment.rsc", "/dashboard/%ff", "/%", "/api/auth/../mine", "/login/../dashboard", "/login%2f..%2fdashboard/%",
  ];
  for (const path of paths) assert.ok(!isPassedOn(await visit(path)), path);
  for (const path of ["/", "/dashboards", "/my/dashboard", "/api/miner", "/login/help"]) assert.ok(isPassedOn(await visit(path)), path);
});

test("g5_an_outage_is_503_on_a_protected_page_and_no_cookie_is_touched", async () => {
  const outages = [json({}, 503, { "retry-after": "7" }), json({}, 500), json({}, 403), json({ state: "signed-in" }), json({ state: "?", cookies: [] }), new Response("")];
  for (const outage of outages) {
    gateway({ [ASK]: outage });
    const answer = await visit("/dashboard", { cookie: "vestibule=sealed" });
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /you're still signed in/);
    assert.deepEqual(answer.headers.getSetCookie(), []);
    assert.deepEqual(
      ["cache-control", "content-type", "retry-after"].map((name) => answer.headers.get(name)),
      ["no-store", "text/html; charset=utf-8", outage.headers.get("retry-after") ?? "2"],
    );
  }
  const script = await visit("/api/mine", { cookie: "vestibule=sealed" });
  assert.deepEqual([script.status, ((await script.json()) as { code: string }).code], [503, "UNAVAILABLE"]);
});

test("er_04_in_an_outage_a_public_page_is_told_that_nobody_knows", async () => {
  gateway({});
  const answer = await visit("/about", { cookie: "vestibule=sealed" });
  assert.ok(isPassedOn(answer));
  assert.deepEqual(told(answer), { "x-vestibule-outage": "1", "x-vestibule-path": "/about" });
});

test("a key that the gateway does not take is told to the operator, not to the visitor", async (t) => {
  const said = t.mock.method(console, "error", () => {});
  gateway({ [ASK]: json({}, 404) });
  assert.equal((await visit("/dashboard", { cookie: "vestibule=sealed" })).status, 503);
  assert.match(String(said.mock.calls[0]?.arguments[0]), /VESTIBULE_KEY/);
  assert.doesNotMatch(String(said.mock.calls[0]?.arguments[0]), /app-key/);
});

test("what the gateway answers itself goes there untouched", async () => {
  const asked = gateway({});
  for (const path of ["/api/auth/get-session", "/api/v1/user/me", "/logout", "/login?next=/a", "/register", "/_vestibule/x.css"]) {
    const answer = await visit(path, { cookie: "vestibule=sealed" }, "POST");
    assert.ok(isPassedOn(answer), path);
    assert.deepEqual(told(answer), {}, path);
  }
  assert.deepEqual(asked, []);
});

test("t5_who_is_signed_in_is_led_on_from_the_forms_and_the_cookies_come_along", async () => {
  for (const [lines, control] of [[[], "private, no-store"], [[LINE], "private, no-store"]] as const) {
    const asked = gateway({ [ASK]: signedIn([...lines]) });
    for (const [path, to] of [["/login?next=%2Fdashboard%2Fa%3Fb%3D1", "/dashboard/a?b=1"], ["/register", "/dashboard"]] as const) {
      for (const method of ["GET", "HEAD"]) {
        const { status, headers } = await visit(path, { cookie: "vestibule=sealed" }, method);
        assert.deepEqual([status, headers.get("location"), headers.get("cache-control")], [303, `http://localhost:3001${to}`, control]);
        assert.deepEqual(headers.getSetCookie(), lines);
      }
    }
    assert.equal(asked.length, 4);
  }
});

test("and who is not has the form, untouched, with what the gateway says of the cookies", async () => {
  gateway({ [ASK]: signedOut([GONE]) });
  const dead = await visit("/login?next=%2Fa", { cookie: "vestibule=dead" });
  assert.deepEqual([isPassedOn(dead), told(dead), dead.headers.getSetCookie(), dead.headers.get("cache-control")], [true, {}, [GONE], "private, no-store"]);
  const asked = gateway({});
  const nobody = await visit("/register", { cookie: "theme=dark" });
  assert.deepEqual([isPassedOn(nobody), nobody.headers.get("cache-control"), asked], [true, null, []]);
  // Nobody knows: the form is there, and no cookie is touched.
  const outage = await visit("/login", { cookie: "vestibule=sealed" });
  assert.deepEqual([isPassedOn(outage), told(outage), outage.headers.getSetCookie()], [true, {}, []]);
});

test("p4_a_sign_in_that_is_done_leads_nowhere_else", async () => {
  gateway({ [ASK]: signedIn() });
  const hostile = ["https://evil.test", "//evil.test", "/\\evil.test", "/.//evil.test", "javascript:alert(1)", "/login?next=%2Flogin", "/api/v1/user/me"];
  for (const next of hostile) {
    const answer = await visit(`/login?next=${encodeURIComponent(next)}`, { cookie: "vestibule=sealed" });
    assert.equal(answer.headers.get("location"), "http://localhost:3001/dashboard", next);
  }
});

test("a blank in a deep link stays what it was", async () => {
  const answer = await visit("/dashboard/a?tab=one&q=a%2Fb+c%2Bd");
  assert.equal(answer.headers.get("location"), `http://localhost:3001/login?next=${encodeURIComponent("/dashboard/a?tab=one&q=a%2Fb%20c%2Bd")}`);
});

test("a setting that is missing is an error at once, signed in or not", async (t) => {
  t.after(() => Object.assign(process.env, { VESTIBULE_KEY: "app-key", VESTIBULE_PROTECT: '["/dashboard","/api/mine"]' }));
  delete process.env.VESTIBULE_KEY;
  await assert.rejects(visit("/"), /VESTIBULE_KEY is not set/);
  delete process.env.VESTIBULE_PROTECT;
  await assert.rejects(visit("/"), /withVestibule/);
});

test("everything can be protected but the way in", async (t) => {
  t.after(() => (process.env.VESTIBULE_PROTECT = '["/dashboard","/api/mine"]'));
  process.env.VESTIBULE_PROTECT = '["/"]';
  assert.equal((await visit("/")).status, 307);
  assert.equal((await visit("/a/b")).status, 307);
  assert.ok(isPassedOn(await visit("/login")));
});
