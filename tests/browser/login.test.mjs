// @ts-check
import assert from "node:assert/strict";

import { at, test } from "./harness.mjs";
import { ada, alerts, enrol, field, sees, seesLogin, sessionCookie, signIn, signInButton, submitLogin } from "./people.mjs";

for (const javaScriptEnabled of [true, false]) {
  const name = javaScriptEnabled ? "L1" : "N3 L1, without JavaScript";
  test(`${name}: a wrong password and an unknown name sound the same`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await page.goto("/login");
    const said = [];
    for (const identifier of ["ada", "nobody", "nobody@example.com"]) {
      await submitLogin(page, identifier, "not the password");
      await page.getByText("isn't right").waitFor();
      said.push(await alerts(page));
      assert.equal(await field(page, "Username or e-mail").inputValue(), identifier);
      assert.equal(await field(page, "Password").inputValue(), "");
    }
    assert.deepEqual(said, [said[0], said[0], said[0]]);
    assert.equal(said[0].length, 1);
    assert.equal(await sessionCookie(page), undefined);
  });
}

test("L2: both the username and the e-mail address sign in", {}, async ({ page, stage, another }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const { page: other } = await another();
  await signIn(other, { ...ada, username: ada.email });
});

/** Presses Tab until this has the keyboard.
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").Locator} target */
async function tabTo(page, target) {
  for (let presses = 0; presses < 30; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      assert.equal(await target.evaluate((element) => element.matches(":focus-visible")), true);
      return;
    }
    await page.keyboard.press("Tab");
  }
  assert.fail(`the keyboard does not reach ${target}`);
}

test("L3: the keyboard alone signs in, saves and signs out", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login");
  await tabTo(page, field(page, "Username or e-mail"));
  await page.keyboard.type(ada.username);
  await tabTo(page, field(page, "Password"));
  await page.keyboard.type(ada.password);
  await page.keyboard.press("Enter");
  await sees(page, ada);
  await tabTo(page, field(page, "Name"));
  await page.keyboard.type("Countess");
  await tabTo(page, page.getByRole("button", { name: "Save changes" }));
  await page.keyboard.press("Space");
  await sees(page, { name: "Countess" });
  await tabTo(page, page.getByRole("button", { name: "Sign out", exact: true }));
  await page.keyboard.press("Enter");
  await seesLogin(page);
});

test("the first stop of the keyboard leads past the navigation", {}, async ({ page }) => {
  await page.goto("/login");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByRole("main").evaluate((main) => main === document.activeElement), true);
});

test("L4: a double click signs in once", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login");
  await field(page, "Username or e-mail").fill(ada.username);
  await field(page, "Password").fill(ada.password);
  await stage.slow(200);
  await signInButton(page).dblclick();
  await sees(page, ada);
  assert.equal(await stage.count("POST /api/v1/login"), 1);
});

test("TH-01: too many wrong passwords are told when to try again", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login");
  for (let attempts = 0; attempts < 11; attempts++) {
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await submitLogin(page, ada.username, "not the password");
    if ((await answer).status() === 429) break;
    await page.getByText("isn't right").waitFor();
  }
  await page.getByText("Too many attempts. Wait about 30 seconds").waitFor();
  await stage.advance(30);
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
});

test("who is signed in is not asked to sign in or to register", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  for (const path of ["/login", "/register"]) {
    await page.goto(path);
    await sees(page, ada);
    assert.equal(at(page), "/dashboard");
  }
});
