// @ts-check
import assert from "node:assert/strict";

import { at, test } from "./harness.mjs";
import { ada, enrol, field, sees, seesLogin, sessionCookie, signIn, signOutButton } from "./people.mjs";

/** Longer than an access token lives. */
const EXPIRED = 1801;

test("E1: a page loaded after the access token's end is simply there", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await stage.count("");
  await stage.advance(EXPIRED);
  await page.reload();
  await sees(page, ada);
  assert.equal(await stage.count("POST /api/v1/refresh"), 1);
});

test("E2: so is a page that a link leads to", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await page.goto("/");
  await stage.advance(EXPIRED);
  await page.getByRole("link", { name: "Dashboard", exact: true }).click();
  await sees(page, ada);
});

test("E3: eight calls at once after an expiry make one refresh, twice in a row", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.count("");
    await stage.advance(EXPIRED);
    const names = await page.evaluate(() => {
      const me = async () => (await (await fetch("/api/v1/user/me")).json()).username;
      return Promise.all(Array.from({ length: 8 }, me));
    });
    assert.deepEqual(names, Array(8).fill("ada"));
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
  }
});

test("E4: two tabs that wake up at once both go on, twice in a row", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.advance(EXPIRED);
    await Promise.all([page.reload(), tab.reload()]);
    await Promise.all([sees(page, ada), sees(tab, ada)]);
  }
});

test("E5: after three lifetimes without a request a deep link still opens", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await page.goto("about:blank");
  await stage.advance(3 * EXPIRED);
  await page.goto("/dashboard?tab=sessions");
  await sees(page, ada);
  assert.equal(at(page), "/dashboard?tab=sessions");
});

test("E6: a page that has expired still signs out", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await stage.advance(EXPIRED);
  await signOutButton(page).click();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
  assert.equal(await stage.count("POST /api/v1/logout"), 1);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  test(`an expiry while the form is open loses nothing that was typed${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    await field(page, "Name").fill("Countess Lovelace");
    await stage.advance(EXPIRED);
    await page.getByRole("button", { name: "Save changes" }).click();
    await sees(page, { name: "Countess Lovelace" });
  });
}

test("who uses the site all week is signed in all week, and not a day longer", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  for (let days = 0; days < 6; days++) {
    await stage.advance(24 * 3600);
    await page.reload();
    await sees(page, ada);
  }
  await stage.advance(24 * 3600);
  await page.reload();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
});

test("F3: a slow API across an expiry is waited for", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await stage.slow(1500);
  await stage.advance(EXPIRED);
  await page.reload();
  await sees(page, ada);
});
