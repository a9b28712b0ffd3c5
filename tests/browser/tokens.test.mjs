// @ts-check
import assert from "node:assert/strict";

import { test } from "./harness.mjs";
import { ada, enrol, field, grace, sees, seesLogin, sessionCookie, signIn, signOutButton, submitLogin } from "./people.mjs";
import { hasToken, inReach } from "./secrets.mjs";

test("C1 CK-01 CK-06: the session is in one cookie that scripts can't read", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name }) => name).sort(), ["vestibule", "vestibule_hint"]);
  for (const { name, httpOnly, sameSite, path, domain, expires, value } of cookies) {
    assert.deepEqual([httpOnly, sameSite, path, domain], [name === "vestibule", "Lax", "/", "localhost"]);
    assert.ok(Math.abs(expires - Date.now() / 1000 - 7 * 24 * 3600) < 120, `${name} lives until ${expires}`);
    assert.ok(value.length + name.length <= 4096, "CK-04");
  }
});

test("the search for tokens finds what the API itself answers", {}, async ({ stage }) => {
  await enrol(stage.api, ada);
  const body = new URLSearchParams({ username: ada.username, password: ada.password });
  const answer = await fetch(`${stage.api}/login`, { method: "POST", body });
  const { access_token: token } = /** @type {{ access_token: string }} */ (await answer.json());
  for (const text of [token, token.split(".")[1], btoa(token), `<p>${token.split(".")[0]}</p>`]) assert.ok(hasToken(text), text);
});

test("C2 CK-03 CS-14: no token reaches the page, by any way", {}, async ({ page, stage, seen }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const paths = ["/api/v1/user/me", "/api/v1/user/me/sessions"];
  await page.evaluate((paths) => Promise.all(paths.map(async (path) => (await fetch(path)).text())), paths);
  await stage.advance(1801);
  await page.goto("/");
  await page.goto("/dashboard");
  await field(page, "Name").fill("Countess");
  await page.getByRole("button", { name: "Save changes" }).click();
  await sees(page, { name: "Countess" });
  const { storage, databases, caches, workers, ...texts } = await inReach(page);
  assert.deepEqual({ storage, databases, caches, workers }, { storage: "[[],[]]", databases: 0, caches: 0, workers: 0 });
  assert.match(texts.cookies, /^vestibule_hint=[\w-]{16}$/);
  await signOutButton(page).click();
  await seesLogin(page);

  const said = Object.values(texts);
  for (const { response, body } of seen.answers) {
    const bytes = await body;
    const isRedirect = response.status() >= 300 && response.status() < 400;
    const isPrivate = ["document", "fetch"].includes(response.request().resourceType());
    assert.ok(bytes || isRedirect || !isPrivate, `the body of ${response.url()} was not kept`);
    said.push(response.url(), JSON.stringify(await response.headersArray()), bytes?.toString("utf8") ?? "");
  }
  assert.ok(seen.answers.length > 10);
  for (const text of said) assert.ok(!hasToken(text), text);
});

test("C2: a page of the site can't have a session signed in, refreshed or out by the API's own routes", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const statuses = await page.evaluate(() =>
    Promise.all(["login", "refresh", "logout"].map(async (name) => (await fetch(`/api/v1/${name}`, { method: "POST" })).status)),
  );
  assert.deepEqual(statuses, [404, 404, 404]);
  await page.reload();
  await sees(page, ada);
});

test("C3 CK-07: nothing private and no cookie may be cached", {}, async ({ page, stage, seen }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await stage.advance(1801);
  await page.reload();
  await page.evaluate(() => fetch("/api/v1/user/me"));
  await signOutButton(page).click();
  await seesLogin(page);
  let setting = 0;
  for (const { response } of seen.answers) {
    const headers = await response.allHeaders();
    const isPrivate = "set-cookie" in headers || /dashboard|api/.test(new URL(response.url()).pathname);
    if (isPrivate) assert.match(headers["cache-control"] ?? "", /no-store/, response.url());
    if ("set-cookie" in headers) setting += 1;
  }
  assert.ok(setting >= 3, "a sign-in, a refresh and a sign-out");
});

test("C4: two people in two browsers never cross, not even at an expiry", {}, async ({ page, stage, another }) => {
  await enrol(stage.api, ada);
  await enrol(stage.api, grace);
  const { page: other } = await another();
  await signIn(page, ada);
  await signIn(other, grace);
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.advance(1801);
    await Promise.all([page.reload(), other.reload()]);
    await Promise.all([sees(page, ada), sees(other, grace)]);
  }
});

test("CK-11: a new sign-in is a new session, and the hint changes with it", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  const values = [];
  for (let rounds = 0; rounds < 2; rounds++) {
    await page.goto("/login");
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    values.push((await sessionCookie(page))?.value, await page.evaluate(() => document.cookie));
    await signOutButton(page).click();
    await seesLogin(page);
  }
  assert.equal(new Set(values).size, 4);
});
