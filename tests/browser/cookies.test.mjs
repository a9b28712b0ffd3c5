// @ts-check
import assert from "node:assert/strict";

import { test } from "./harness.mjs";
import { ada, enrol, sees, seesLogin, sessionCookie, signIn, submitLogin } from "./people.mjs";

/** A text with one character in the middle changed. @param {string} text */
function changed(text) {
  const middle = text.length >> 1;
  return text.slice(0, middle) + (text[middle] === "A" ? "B" : "A") + text.slice(middle + 1);
}

/** @type {Record<string, (value: string) => string>} */
const BROKEN = {
  changed,
  "cut short": (value) => value.slice(0, -20),
  "longer than it was": (value) => `${value}AAAA`,
  garbage: () => "garbage",
  empty: () => "",
  quoted: (value) => `"${value}"`,
  "nothing but dots": () => "...",
  huge: () => "A".repeat(4000),
  "an unsigned token": () => `${btoa('{"alg":"none"}')}.${btoa('{"sub":"ada"}')}.`.replaceAll("=", ""),
};

for (const [what, spoil] of Object.entries(BROKEN)) {
  test(`T1 T2: a cookie that is ${what} signs nobody in and keeps nobody out`, {}, async ({ page, stage, seen }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    const cookie = await sessionCookie(page);
    assert.ok(cookie);
    await page.context().addCookies([{ ...cookie, value: spoil(cookie.value) }]);
    await page.goto("/dashboard");
    await seesLogin(page);
    assert.notEqual((await sessionCookie(page))?.value, spoil(cookie.value), "it is deleted");
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    const worst = Math.max(...seen.answers.map(({ response }) => response.status()));
    assert.ok(worst < 500, `answered ${worst}`);
  });
}

test("T2 CK-05: a second cookie of the name is deleted, and keeps nobody out", {}, async ({ page, stage, seen }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  // Another program on this host can set one, over http; browsers send the longer path first.
  const other = { name: "vestibule", value: "garbage", domain: "localhost", path: "/dashboard" };
  await page.context().addCookies([other]);
  await page.goto("/dashboard");
  await sees(page, ada);
  const statuses = seen.answers.filter(({ response }) => response.url().endsWith("/dashboard")).map(({ response }) => response.status());
  assert.ok(statuses.includes(303), `a request with both is not signed in: ${statuses}`);
  const left = (await page.context().cookies()).filter(({ name }) => name === "vestibule");
  assert.deepEqual(left.map(({ path }) => path), ["/"]);
});

test("T3: headers that claim to be somebody are worth nothing", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.setExtraHTTPHeaders({
    authorization: `Bearer ${btoa('{"alg":"none"}')}.${btoa('{"sub":"ada"}')}.`,
    "x-vestibule-user": "ada",
    "x-vestibule-identity": "ada",
    "x-forwarded-user": "ada",
    "x-auth-request-user": "ada",
    "remote-user": "ada",
    "x-middleware-subrequest": "middleware:middleware:middleware:middleware:middleware",
    "x-original-url": "/login",
    "x-rewrite-url": "/login",
    "x-forwarded-host": "evil.test",
    "x-forwarded-proto": "https",
  });
  await page.goto("/dashboard");
  await seesLogin(page);
  assert.equal(new URL(page.url()).origin, stage.site);
  assert.equal(await page.evaluate(async () => (await fetch("/api/v1/user/me")).status), 401);
});

test("T5: a broken cookie on the login page leads nowhere else", {}, async ({ page, seen }) => {
  await page.context().addCookies([{ name: "vestibule", value: "garbage", domain: "localhost", path: "/" }]);
  await page.goto("/login?next=%2Fdashboard");
  await seesLogin(page);
  assert.equal(seen.answers.filter(({ response }) => response.request().isNavigationRequest()).length, 1);
  assert.deepEqual(await page.context().cookies(), []);
});
