// @ts-check
import assert from "node:assert/strict";

import { enrol } from "../browser/people.mjs";
import { hasToken, inReach } from "../browser/secrets.mjs";
import { startStage } from "../browser/servers.mjs";
import { startCache } from "./cache.mjs";
import { journey } from "./journey.mjs";
import { EXPIRED, button, field, openTab, sees, seesLogin, seesTenNames, sessionCookie, signIn, signOut, submitLogin } from "./people.mjs";

/** @typedef {import("../browser/harness.mjs").Page} Page */

/** Gives the session cookie another value.
 * @param {Page} page
 * @param {(value: string) => string} change */
async function tamper(page, change) {
  const cookie = await sessionCookie(page);
  assert.ok(cookie);
  await page.context().addCookies([{ ...cookie, value: change(cookie.value) }]);
}

/** @type {Record<string, (value: string) => string>} */
const TAMPERED = {
  "changed at its end": (value) => value.slice(0, -4) + (value.endsWith("AAAA") ? "BBBB" : "AAAA"),
  "changed in the middle": (value) => value.slice(0, value.length / 2) + "x" + value.slice(value.length / 2 + 1),
  "cut in half": (value) => value.slice(0, value.length / 2),
  empty: () => "",
  "a word": () => "garbage",
  "as long as cookies get": () => "a".repeat(3900),
  "an unsigned token": () => `${btoa('{"alg":"none"}')}.${btoa('{"sub":"1"}')}.`.replaceAll("=", ""),
};

journey("T1 T2 T5: a session cookie that is tampered with is none: no error, no loop, and people sign in again", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  for (const [what, change] of Object.entries(TAMPERED)) {
    await tamper(page, change);
    const answer = await page.goto("/dashboard");
    assert.equal(answer?.status(), 200, what);
    await seesLogin(page);
    assert.equal(await sessionCookie(page), undefined, `${what}: the cookie is deleted`);
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
  }
});

journey("T1: nor does a tampered cookie break a link, an action or a fetch", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  await tamper(page, () => "garbage");
  assert.equal(await page.evaluate(async () => (await fetch("/api/v1/user/me")).status), 401);
  await page.goto("/login");
  await submitLogin(page, ada.username, ada.password);
  await openTab(page, "Profile");
  await field(page, "Name").fill("Countess");
  await tamper(page, (value) => value.slice(0, -4) + "AAAA");
  await button(page, "Save changes").click();
  await seesLogin(page);
});

journey("T2 CK-05: two cookies of the name are no session; the one that is not ours is deleted, and so nobody is kept out", {}, async ({ page, context, ada }) => {
  await signIn(page, ada);
  const cookie = await sessionCookie(page);
  assert.ok(cookie);
  const second = { name: cookie.name, value: "another", domain: "localhost", path: "/dashboard" };
  // What the page still fetches ahead would have the second one deleted before it is asked about.
  await page.goto("about:blank");
  await context.addCookies([second]);
  const refused = await context.request.get("/dashboard", { headers: { accept: "text/html" }, maxRedirects: 0 });
  assert.equal(refused.headers().location, "/login?next=%2Fdashboard");
  await context.addCookies([second]);
  // By way of the login, which ours alone is sent to.
  await page.goto("/dashboard");
  await sees(page, ada);
  const left = (await context.cookies()).filter(({ name }) => name === cookie.name);
  assert.deepEqual(left.map(({ path }) => path), ["/"]);
});

journey("CK-12: a cookie that another site sealed is none here", {}, async ({ page, ada, stage }) => {
  await signIn(page, ada);
  const other = await startStage();
  try {
    await enrol(other.api, ada);
    const answer = await fetch(`${other.site}/login`, {
      method: "POST",
      redirect: "manual",
      headers: { origin: other.site },
      body: new URLSearchParams({ username: ada.username, password: ada.password }),
    });
    const line = answer.headers.getSetCookie().find((line) => /httponly/i.test(line));
    const value = line?.split(";")[0].split("=").slice(1).join("=");
    assert.ok(value);
    await tamper(page, () => value);
  } finally {
    await other.end();
  }
  await page.goto("/dashboard");
  await seesLogin(page);
  assert.equal(new URL(page.url()).origin, stage.site);
});

/** Names of the dashboard's pages, and where below it they are. */
const TABS = /** @type {const} */ ([["Overview", ""], ["Profile", "/profile"], ["Stream", "/stream"], ["Upload", "/upload"], ["Parallel", "/parallel"]]);

journey("C1 C2 C3: nothing secret is told to a browser, or may be kept by a cache", {}, async ({ page, stage, seen, told, ada }) => {
  await signIn(page, ada);
  const values = new Set([(await sessionCookie(page))?.value]);
  for (const [, path] of TABS) {
    await page.goto(`/dashboard${path}`, { waitUntil: "networkidle" });
  }
  await page.getByText("In the browser").waitFor();
  await button(page, "Ask ten times").click();
  await seesTenNames(page, "In the browser", ada);
  for (const [name, path] of TABS) {
    await openTab(page, name);
    // The clock is not to jump while a page is on its way: its ticket would be over, and the way back to it would go over the next click's.
    await page.waitForURL(`**/dashboard${path}`);
  }
  await stage.advance(EXPIRED);
  await openTab(page, "Profile");
  await field(page, "Name").fill("Countess");
  await button(page, "Save changes").click();
  await page.getByText("Your profile is saved").waitFor();
  values.add((await sessionCookie(page))?.value);
  await page.goto("/dashboard/stream");
  await page.getByText("You're signed in here").waitFor();

  const { storage, databases, caches, workers, ...texts } = await inReach(page);
  assert.equal(databases + caches + workers, 0);
  assert.match(texts.cookies, /^vestibule_hint=[\w-]{16}$/);
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name }) => name).sort(), ["vestibule", "vestibule_hint"], "the API's own cookie stays inside");
  await signOut(page);

  const said = [storage, ...Object.values(texts)];
  let setting = 0;
  for (const { response } of seen.answers) {
    const headers = await response.allHeaders();
    const { pathname } = new URL(response.url());
    if ("set-cookie" in headers) setting += 1;
    if ("set-cookie" in headers || /^\/(dashboard|api)/.test(pathname)) assert.match(headers["cache-control"] ?? "", /no-store/, pathname);
    const { "set-cookie": _, ...others } = headers;
    said.push(response.url(), JSON.stringify(others));
  }
  for (const { text } of await told()) said.push(text);
  assert.ok(setting >= 3, "a sign-in, a refresh and a sign-out");
  assert.equal(values.size, 2);
  for (const text of said) {
    assert.ok(!hasToken(text), text);
    for (const value of values) assert.ok(value && !text.includes(value), "the session cookie's value is in a page");
  }
});

journey("C3 C4 N13: a shared cache in front learns nothing of anybody", {}, async ({ page, stage, another, ada, grace }) => {
  await enrol(stage.api, grace);
  const cache = await startCache(stage.site);
  try {
    await signIn(page, ada);
    const { page: other } = await another();
    await signIn(other, grace);
    const paths = ["/", "/dashboard", "/dashboard/profile", "/dashboard/parallel", "/login", "/api/v1/user/me"];
    for (const [visitor, person, stranger] of /** @type {const} */ ([[page, ada, grace], [other, grace, ada], [page, ada, grace]])) {
      await stage.advance(EXPIRED);
      for (const path of paths) {
        // With all that a page asks for beside itself: prefetches too go through the cache.
        await visitor.goto(cache.origin + path, { waitUntil: "networkidle" });
        const text = await visitor.content();
        assert.ok(!text.includes(stranger.name) && !text.includes(stranger.email), `${path} shows ${person.name} the page of another`);
      }
    }
    assert.ok(cache.hits() > 0, "the cache keeps what it may");
    assert.deepEqual(cache.cookiesKept(), []);
  } finally {
    await cache.end();
  }
});
