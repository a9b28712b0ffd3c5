// @ts-check
import assert from "node:assert/strict";

import { at, test } from "./harness.mjs";
import { ada, enrol, sees, seesLogin, signIn, submitLogin } from "./people.mjs";

const DEEP = "/dashboard?tab=sessions&q=a%2Fb%20c";

test("P1: the dashboard is closed to visitors, pages and scripts alike", {}, async ({ page }) => {
  await page.goto("/dashboard");
  await seesLogin(page);
  const statuses = await page.evaluate(() =>
    Promise.all(["/dashboard", "/api/v1/user/me"].map(async (path) => (await fetch(path)).status)),
  );
  assert.deepEqual(statuses, [401, 401]);
});

test("P2: a deep link with its query survives the way through the login", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto(DEEP);
  await seesLogin(page);
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  assert.equal(at(page), DEEP);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  test(`P3: a deep link survives a wrong password${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await page.goto(DEEP);
    await submitLogin(page, ada.username, "not the password");
    await page.getByText("isn't right").waitFor();
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    assert.equal(at(page), DEEP);
  });
}

test("P2: a deep link survives the registration", {}, async ({ page }) => {
  await page.goto(DEEP);
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name", { exact: true }).fill(ada.name);
  await page.getByLabel("Username", { exact: true }).fill(ada.username);
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(ada.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Your account is ready").waitFor();
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  assert.equal(at(page), DEEP);
});

const HOSTILE = [
  "//evil.test/",
  "///evil.test/",
  "/\\evil.test/",
  "\\\\evil.test/",
  "/\t/evil.test/",
  "/\n/evil.test/",
  "https://evil.test/",
  "https:evil.test/",
  "/.//evil.test/",
  "/%5Cevil.test/",
  "javascript:alert(document.domain)",
  "data:text/html,evil",
  "@evil.test/",
  "/login?next=//evil.test/",
];
const PARAMETERS = ["next", "returnTo", "return_to", "redirect", "redirect_uri", "callbackUrl", "continue", "url"];

test("P4: no login leads to another site, whatever the link says", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  /** @type {string[]} */
  const elsewhere = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== stage.site) elsewhere.push(request.url());
  });
  for (const value of HOSTILE) {
    const query = new URLSearchParams(PARAMETERS.map((name) => [name, value]));
    await page.context().clearCookies();
    await page.goto(`/login?${query}`);
    await submitLogin(page, ada.username, ada.password);
    await page.waitForURL((url) => url.pathname !== "/login");
    assert.equal(new URL(page.url()).origin, stage.site, value);
    await page.goto(`/login?${query}`);
    assert.equal(new URL(page.url()).origin, stage.site, `${value}, signed in`);
  }
  assert.deepEqual(elsewhere, []);
});

test("T5: the login never leads around in a circle", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login?next=/login?next=/login");
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  for (const next of ["/login", "/login/", "/logout", "/register", "/./login", "/dashboard/../login"]) {
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.ok(!at(page).startsWith("/login"), `${next} led to ${page.url()}`);
  }
});

test("a signed-in visitor of a deep link is not asked anything", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await page.goto(DEEP);
  await sees(page, ada);
  assert.equal(at(page), DEEP);
});
