// @ts-check
import assert from "node:assert/strict";

import { at, test } from "./harness.mjs";
import { ada, alerts, description, enrol, field, sees, seesLogin, sessionCookie, signIn, signInButton, signOutButton, submitLogin, submitRegistration } from "./people.mjs";

for (const [when, seconds] of /** @type {const} */ ([["while the token lives", 0], ["after it has expired", 1801]])) {
  test(`F1 CK-09: an API that is down ${when} is explained, the session kept, and all is well later`, {}, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    const before = await sessionCookie(page);
    await stage.down();
    await stage.advance(seconds);
    const answer = await page.goto("/dashboard?tab=one");
    assert.equal(answer?.status(), 503);
    assert.ok(Number((await answer.allHeaders())["retry-after"]) > 0);
    await page.getByText("Your session is kept").waitFor();
    assert.deepEqual(await sessionCookie(page), before);
    assert.equal(await page.evaluate(async () => (await fetch("/api/v1/user/me")).status), 503);
    await stage.up();
    await page.getByRole("link", { name: "Try again" }).click();
    await sees(page, ada);
    assert.equal(at(page), "/dashboard?tab=one");
  });
}

test("F2: an API that is down is not called a wrong password", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login?next=%2Fdashboard%3Ftab%3Done");
  await stage.down();
  await submitLogin(page, ada.username, ada.password);
  await page.getByText("isn't answering").waitFor();
  const [said] = await alerts(page);
  assert.doesNotMatch(said, /password|isn't right/i);
  assert.equal(await field(page, "Username or e-mail").inputValue(), "ada");
  await stage.up();
  await field(page, "Password").fill(ada.password);
  await signInButton(page).click();
  await sees(page, ada);
  assert.equal(at(page), "/dashboard?tab=one");
});

test("F2: a registration survives an outage with everything typed but the password", {}, async ({ page, stage }) => {
  await page.goto("/register");
  await stage.down();
  await submitRegistration(page, ada);
  await page.getByText("isn't answering").waitFor();
  assert.equal(await field(page, "E-mail").inputValue(), ada.email);
  await stage.up();
  await submitRegistration(page, ada);
  await page.getByText("Your account is ready").waitFor();
});

test("F1: a profile that could not be saved is not lost", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await field(page, "Name").fill("Countess Lovelace");
  await stage.down();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText(/isn't answering/).waitFor();
  await stage.up();
  // A page that is kept for Back fires no load event.
  if (await field(page, "Name").isHidden()) await page.goBack({ waitUntil: "commit" });
  await sees(page, ada);
  assert.equal(await field(page, "Name").inputValue(), "Countess Lovelace");
});

test("F1 G15: a sign-out works while the API is down", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const copied = await page.context().cookies();
  await stage.down();
  await signOutButton(page).click();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
  await stage.up();
  await page.context().addCookies(copied);
  await page.goto("/dashboard");
  await seesLogin(page);
});

test("F4: a session that was ended elsewhere leads to the login, once, and the cookie is gone", {}, async ({ page, stage, seen }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await endOthers(stage.api);
  const before = seen.answers.length;
  await page.goto("/dashboard?tab=one");
  await seesLogin(page);
  assert.equal(at(page), "/login?next=%2Fdashboard%3Ftab%3Done", "the way back is kept");
  assert.equal(await sessionCookie(page), undefined);
  const visits = seen.answers.slice(before).filter(({ response }) => response.request().isNavigationRequest());
  assert.deepEqual(visits.map(({ response }) => response.status()), [303, 200]);
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
});

test("F4: and so when a form of it is sent", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await endOthers(stage.api);
  await field(page, "Name").fill("Countess");
  await page.getByRole("button", { name: "Save changes" }).click();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
  assert.doesNotMatch(await description(page, "Password"), /isn't right/);
});

/** Signs in without a browser, and signs out everywhere else.
 * @param {string} api */
async function endOthers(api) {
  const body = new URLSearchParams({ username: ada.username, password: ada.password });
  const answer = await fetch(`${api}/login`, { method: "POST", body });
  const { access_token: token } = /** @type {{ access_token: string }} */ (await answer.json());
  const headers = { authorization: `Bearer ${token}` };
  const ended = await fetch(`${api}/user/me/sessions`, { method: "DELETE", headers });
  assert.equal(ended.status, 200);
}
