// @ts-check
// The published Better Auth client for React, in front of a server that is none: useSession as a person sees it.
import assert from "node:assert/strict";

import { test, until } from "./harness.mjs";
import { ada, alerts, enrol, field, sessionCookie, signInButton, signOutButton } from "./people.mjs";

/**
 * @typedef {import("playwright-core").Page} Page
 */

/** @param {Page} page @param {{ username: string, password: string }} person */
async function signIn(page, { username, password }) {
  await field(page, "Username").fill(username);
  await field(page, "Password").fill(password);
  await signInButton(page).click();
}

const person = (/** @type {Page} */ page, name = ada.name) => page.getByRole("heading", { level: 1, name });
const form = (/** @type {Page} */ page) => page.getByRole("heading", { level: 1, name: "Sign in" });
const status = (/** @type {Page} */ page) => page.getByRole("status").innerText();

/** The tab comes to the front again, six seconds later: useSession asks at most every five.
 * @param {Page} page */
async function comesBack(page) {
  await page.clock.fastForward(6_000);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
}

test("useSession: nobody, then who signed in, then nobody, and the other tab sees it", { ui: "react/app.mjs" }, async ({ page, context, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/app");
  await form(page).waitFor();
  await signIn(page, { ...ada, password: "not hers at all" });
  await until("a refusal", async () => (await alerts(page)).length > 0);
  assert.deepEqual(await alerts(page), ["Invalid username or password"]);
  await signIn(page, ada);
  await person(page).waitFor();
  await page.getByText(ada.email).waitFor();

  const other = await context.newPage();
  await other.goto("/app");
  await person(other).waitFor();
  await signOutButton(other).click();
  await form(other).waitFor();
  await form(page).waitFor();
  assert.equal(await sessionCookie(page), undefined);
});

test("useSession: while the API is down the person stays, and it goes on when it is back", { ui: "react/app.mjs" }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  await stage.down();
  await comesBack(page);
  await until("trouble is told", async () => (await status(page)) === "Trouble: 503");
  assert.ok(await person(page).isVisible());
  await stage.up();
  await comesBack(page);
  await until("all is well", async () => (await status(page)) === "Ready");
  assert.ok(await person(page).isVisible());
});

test("useSession: the end of the access token's life is noticed by nobody", { ui: "react/app.mjs" }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  for (let lives = 1; lives <= 3; lives++) {
    await stage.advance(1801);
    await stage.count("");
    await comesBack(page);
    await until("it was asked for", async () => (await stage.count("POST /api/v1/refresh")) === 1);
    await until("it is answered", async () => (await status(page)) === "Ready");
    assert.ok(await person(page).isVisible());
  }
});

test("RV-01: a session that was ended elsewhere is gone at the next look", { ui: "react/app.mjs" }, async ({ page, another, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  const { page: other } = await another();
  await other.goto("/app");
  await signIn(other, ada);
  await person(other).waitFor();
  const ended = await other.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/auth/revoke-other-sessions", { method: "POST", headers, body: "{}" })).status;
  });
  assert.equal(ended, 200);
  await comesBack(page);
  await form(page).waitFor();
  assert.ok(await person(other).isVisible());
});

test("updateUser: the new name is there at once, in both tabs", { ui: "react/app.mjs" }, async ({ page, context, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/app");
  await signIn(page, ada);
  const other = await context.newPage();
  await other.goto("/app");
  await person(other).waitFor();
  await page.getByRole("button", { name: "Rename" }).click();
  await person(page, "Countess Lovelace").waitFor();
  await person(other, "Countess Lovelace").waitFor();
});
