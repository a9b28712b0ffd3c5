// @ts-check
import assert from "node:assert/strict";

import { at, test } from "./harness.mjs";
import { ada, enrol, field, sees, seesLogin, submitLogin } from "./people.mjs";

const BOX = "Keep me signed in";

/** What a browser keeps when it is closed: cookies with an end, and no others.
 * @param {import("playwright-core").Page} page */
async function closeAndOpen(page) {
  const context = page.context();
  const kept = (await context.cookies()).filter(({ expires }) => expires !== -1);
  await context.clearCookies();
  await context.addCookies(kept);
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";

  test(`who unticks the box leaves no cookie that has an end, and is signed out with the browser${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await page.goto("/login");
    await field(page, BOX).uncheck();
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    // A refresh must not make it last.
    await stage.advance(3600);
    await page.reload();
    await sees(page, ada);
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map(({ name, expires }) => [name, expires]).sort(), [["vestibule", -1], ["vestibule_hint", -1]]);
    await closeAndOpen(page);
    await page.goto("/dashboard");
    await seesLogin(page);
  });

  test(`who leaves the box ticked is still signed in after the browser was closed${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await page.goto("/login");
    assert.equal(await field(page, BOX).isChecked(), true);
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    for (const { name, expires } of await page.context().cookies()) {
      const days = (expires - Date.now() / 1000) / 86_400;
      assert.ok(days > 6.9 && days < 7.1, `${name}: ${days} days`);
    }
    await closeAndOpen(page);
    await page.goto("/dashboard");
    await sees(page, ada);
  });

  test(`the box stays as it was left when the password was wrong${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await page.goto("/login?next=%2Fdashboard%3Ftab%3Done");
    for (const ticked of [false, true, false]) {
      await field(page, BOX).setChecked(ticked);
      const answer = page.waitForResponse((response) => response.request().method() === "POST");
      await submitLogin(page, ada.username, "not the password");
      assert.equal((await answer).status(), 401);
      await page.getByText("isn't right").waitFor();
      assert.equal(await field(page, BOX).isChecked(), ticked);
    }
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);
    assert.equal(at(page), "/dashboard?tab=one");
    assert.ok((await page.context().cookies()).every(({ expires }) => expires === -1));
  });
}

test("the box is reached and changed by the keyboard, and by its words", {}, async ({ page }) => {
  await page.goto("/login");
  const box = page.getByRole("checkbox", { name: BOX });
  await box.focus();
  await page.keyboard.press("Space");
  assert.equal(await box.isChecked(), false);
  await page.getByText(BOX).click();
  assert.equal(await box.isChecked(), true);
  const { height } = (await page.locator("label", { has: box }).boundingBox()) ?? { height: 0 };
  assert.ok(height >= 44, `${height} px is little for a finger`);
});
