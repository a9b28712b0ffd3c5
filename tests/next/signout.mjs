// @ts-check
import assert from "node:assert/strict";

import { at, until } from "../browser/harness.mjs";
import { enrol } from "../browser/people.mjs";
import { journey } from "./journey.mjs";
import {
  EXPIRED, button, field, openTab, sees, seesLogin, seesTenNames, sessionCookie, signIn, signInByHand, signOut, signOutButton, submitLogin,
  withoutCookieEvents, withoutNotice,
} from "./people.mjs";

/** @typedef {import("./people.mjs").Page} Page */

/** Fails once the page shows anything of this person.
 * @param {Page} page
 * @param {import("./people.mjs").Person} person */
async function showsNothingOf(page, { name, email, username }) {
  const text = await page.locator("body").innerText();
  for (const word of [name, email, username]) assert.ok(!text.includes(word), text);
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  journey(`S1 S2: a sign-out closes the dashboard, and Back shows nothing private and no error${how}`, { javaScriptEnabled }, async ({ page, ada }) => {
    await page.goto("/");
    await signIn(page, ada);
    await openTab(page, "Profile");
    await field(page, "Name").waitFor();
    await signOut(page);
    assert.deepEqual(await page.context().cookies(), []);
    for (let steps = 0; steps < 2; steps++) {
      await page.goBack({ waitUntil: "commit" });
      await seesLogin(page);
      assert.ok(!at(page).includes("_rsc"), at(page));
      await showsNothingOf(page, ada);
    }
    await page.goto("/dashboard");
    await seesLogin(page);
  });
}

journey("S3: a page kept for Back is not shown after a sign-out in another tab", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  await page.goto("/hall.svg");
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.goBack({ waitUntil: "commit" });
  await seesLogin(page);
  await showsNothingOf(page, ada);
});

journey("S3: a front page kept for Back does not show who was signed in", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  await page.goto("/");
  await signOutButton(page).waitFor();
  await page.goto("/hall.svg");
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.goBack({ waitUntil: "commit" });
  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).waitFor();
  await showsNothingOf(page, ada);
});

journey("S3: a page that Back restores as it was, from before a sign-in elsewhere, shows who has signed in", {}, async ({ page, ada }) => {
  await page.addInitScript(() => addEventListener("pageshow", ({ persisted }) => persisted && sessionStorage.setItem("restored", "yes")));
  await page.goto("/");
  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).waitFor();
  await page.goto("/hall.svg");
  const tab = await page.context().newPage();
  await signIn(tab, ada);
  await page.goBack({ waitUntil: "commit" });
  await signOutButton(page).waitFor();
  // Pages for somebody are never restored so: they are not to be stored (contract: Next.js, N19).
  assert.equal(await page.evaluate(() => sessionStorage.getItem("restored")), "yes");
});

journey("S5: a tab that nobody touches notices a sign-out in another one", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard/profile");
  await signOut(tab);
  await seesLogin(page);
  assert.equal(at(page), "/login?next=%2Fdashboard");
});

journey("S6: after a sign-out elsewhere Back within the app shows nothing private", {}, async ({ page, ada }) => {
  await withoutCookieEvents(page);
  await signIn(page, ada);
  await openTab(page, "Profile");
  await field(page, "Name").waitFor();
  // By a word of the other tab: a call of this one fails if the page notices just then.
  await page.evaluate(() => void (new BroadcastChannel("test").onmessage = () => history.back()));
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await tab.evaluate(() => new BroadcastChannel("test").postMessage("back"));
  await seesLogin(page);
  await showsNothingOf(page, ada);
});

journey("S6: nor does a link, even where the page can't notice by itself", {}, async ({ page, ada }) => {
  await withoutNotice(page);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await openTab(page, "Parallel");
  await seesLogin(page);
  await showsNothingOf(page, ada);
  assert.ok(!at(page).includes("_rsc"), at(page));
});

journey("S5 S9: a tab shows the next person who signs in, not the last", {}, async ({ page, stage, ada, grace }) => {
  await enrol(stage.api, grace);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  assert.equal(await field(tab, "Username or e-mail").inputValue(), "");
  await submitLogin(tab, grace.username, grace.password);
  await Promise.all([sees(tab, grace), sees(page, grace)]);
  await showsNothingOf(page, ada);
});

journey("S5: a login form that is open goes on when another tab signs in", {}, async ({ page, ada }) => {
  await page.goto("/login?next=%2Fdashboard%3Ftab%3Done");
  const tab = await page.context().newPage();
  await signInByHand(tab, ada);
  await sees(page, ada);
  assert.equal(at(page), "/dashboard?tab=one");
});

journey("S7: cookies copied before a sign-out are worthless after it", {}, async ({ page, another, ada }) => {
  await signIn(page, ada);
  const copied = await page.context().cookies();
  await signOut(page);
  const { page: thief } = await another();
  await thief.context().addCookies(copied);
  assert.equal((await thief.request.get("/api/v1/user/me")).status(), 401);
  await thief.context().addCookies(copied);
  await thief.goto("/dashboard");
  await seesLogin(thief);
  assert.equal(await sessionCookie(thief), undefined);
});

journey("S4: after a sign-out elsewhere a page that is loaded again is closed", { javaScriptEnabled: false }, async ({ page, ada }) => {
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.reload();
  await seesLogin(page);
  await showsNothingOf(page, ada);
});

journey("S8: whoever signs out twice is signed out", { javaScriptEnabled: false }, async ({ page, ada }) => {
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await signOut(page);
  assert.equal(await sessionCookie(page), undefined);
});

journey("S11: a sign-out wins over a refresh that is under way", {}, async ({ page, another, context, stage, ada }) => {
  await signIn(page, ada);
  const copied = await context.cookies();
  await stage.count("");
  await stage.advance(EXPIRED);
  await stage.slow(1000);
  // With the browser's cookies, and what it sets becomes the browser's.
  const late = context.request.get("/api/v1/user/me");
  await until("the refresh is under way", async () => (await stage.count("POST /api/v1/refresh")) > 0);
  await signOut(page);
  await late;
  assert.equal(await sessionCookie(page), undefined);
  const { page: thief } = await another();
  await thief.context().addCookies(copied);
  assert.equal((await thief.request.get("/api/v1/user/me")).status(), 401);
});

journey("S10: an address alone signs nobody out", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  await page.goto("/logout");
  await page.goto("/dashboard");
  await sees(page, ada);
});

journey("F4: a session that is ended from another device leads to the login, once, with the way back kept", {}, async ({ page, stage, ada, seen }) => {
  await signIn(page, ada);
  await endOthers(stage.api, ada);
  const before = seen.answers.length;
  await page.goto("/dashboard/profile?tab=one");
  await seesLogin(page);
  assert.equal(at(page), "/login?next=%2Fdashboard%2Fprofile%3Ftab%3Done");
  assert.equal(await sessionCookie(page), undefined);
  const visits = seen.answers.slice(before).filter(({ response }) => response.request().isNavigationRequest());
  assert.ok(visits.length <= 4, "no loop");
  await submitLogin(page, ada.username, ada.password);
  await field(page, "Name").waitFor();
  assert.equal(at(page), "/dashboard/profile?tab=one");
});

journey("F4: and so by a link, from where the way leads on, and when a Server Action is sent", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await endOthers(stage.api, ada);
  await openTab(page, "Parallel");
  await seesLogin(page);
  await submitLogin(page, ada.username, ada.password);
  await seesTenNames(page, "On the server", ada);

  await openTab(page, "Profile");
  await field(page, "Name").fill("Countess");
  await endOthers(stage.api, ada);
  await button(page, "Save changes").click();
  await seesLogin(page);
  await until("the cookie is gone", async () => !(await sessionCookie(page)));
});

journey("SC-07: a Server Action on a page that is signed out leads to the login", {}, async ({ page, context, ada }) => {
  await signIn(page, ada);
  await openTab(page, "Profile");
  await field(page, "Name").fill("Countess");
  await page.evaluate(() => void Object.defineProperty(window, "cookieStore", { value: undefined }));
  await context.clearCookies();
  await button(page, "Save changes").click();
  await seesLogin(page);
});

/** Signs in without a browser, and signs out everywhere else: another device.
 * @param {string} api
 * @param {import("./people.mjs").Person} person */
async function endOthers(api, { username, password }) {
  const answer = await fetch(`${api}/login`, { method: "POST", body: new URLSearchParams({ username, password }) });
  const { access_token: token } = /** @type {{ access_token: string }} */ (await answer.json());
  const headers = { authorization: `Bearer ${token}` };
  const ended = await fetch(`${api}/user/me/sessions`, { method: "DELETE", headers });
  assert.equal(ended.status, 200);
}
