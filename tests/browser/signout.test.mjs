// @ts-check
import assert from "node:assert/strict";

import { at, test, until } from "./harness.mjs";
import { ada, enrol, field, grace, sees, seesLogin, sessionCookie, signIn, signInButton, signOutButton, submitLogin } from "./people.mjs";

/** @param {import("playwright-core").Page} page */
async function signOut(page) {
  await signOutButton(page).click();
  await seesLogin(page);
}

test("S1 CK-13: a sign-out closes the dashboard and takes the cookies away", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const answer = page.waitForResponse("**/logout");
  await signOut(page);
  assert.equal((await (await answer).allHeaders())["clear-site-data"], '"cache", "storage"');
  assert.deepEqual(await page.context().cookies(), []);
  await page.goto("/dashboard");
  await seesLogin(page);
});

/** Reports what a page that Back brings to life shows at its first frame.
 * @param {import("playwright-core").Page} page */
async function watchRestores(page) {
  /** @type {string[]} */
  const restored = [];
  await page.exposeFunction("restored", (/** @type {string} */ text) => void restored.push(text));
  await page.addInitScript(() => {
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      const inputs = () => [...document.querySelectorAll("input")].filter((input) => input.checkVisibility()).map(({ value }) => value);
      requestAnimationFrame(() => /** @type {any} */ (window).restored([document.body.innerText, ...inputs()].join(" ")));
    });
  });
  return restored;
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  test(`S2 CK-13: Back after a sign-out shows nothing private${how}`, { javaScriptEnabled }, async ({ page, stage }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    await page.goto("/");
    await page.getByRole("heading", { name: "Welcome back, Ada Lovelace" }).waitFor();
    await page.goto("/dashboard");
    await signOut(page);
    await page.goBack({ waitUntil: "commit" });
    await seesLogin(page);
    assert.ok(!at(page).includes("_rsc"));
    await page.goBack({ waitUntil: "commit" });
    await until("the front page is a stranger's", async () => {
      const text = await page.locator("body").innerText();
      assert.ok(!text.includes(ada.name), text);
      return text.includes("A front door for your app") || (await signInButton(page).isVisible());
    });
  });
}

test("S3: a page kept for Back is not shown after a sign-out in another tab", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  const restored = await watchRestores(page);
  await signIn(page, ada);
  await page.goto("/health");
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.goBack({ waitUntil: "commit" });
  await seesLogin(page);
  for (const text of restored) assert.ok(!text.includes(ada.name) && !text.includes(ada.email), text);
});

test("S4: a tab that is reloaded after a sign-out elsewhere is signed out", { javaScriptEnabled: false }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.reload();
  await seesLogin(page);
});

test("S5: a tab that nobody touches notices a sign-out in another one", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await seesLogin(page);
  assert.equal(at(page), "/login?next=%2Fdashboard");
});

test("S5: so does one whose browser only says that it has the focus again", {}, async ({ page, stage }) => {
  await page.addInitScript(() => void Object.defineProperty(window, "cookieStore", { value: undefined }));
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await page.evaluate(() => void dispatchEvent(new Event("focus")));
  await seesLogin(page);
});

test("S5: a login form that is open goes on when another tab signs in", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/login?next=%2Fdashboard%3Ftab%3Done");
  const tab = await page.context().newPage();
  await signIn(tab, ada);
  await sees(page, ada);
  assert.equal(at(page), "/dashboard?tab=one");
});

test("S5: a login form goes on when another tab signs in while it is on its way", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  const tab = await page.context().newPage();
  await page.route("**/login", async (route) => {
    const response = await route.fetch();
    await signIn(tab, ada);
    await route.fulfill({ response });
  }, { times: 1 });
  await page.goto("/login");
  await sees(page, ada);
});

test("S5: a tab shows the next person who signs in, not the last", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await enrol(stage.api, grace);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await submitLogin(tab, grace.username, grace.password);
  await sees(page, grace);
});

test("S7: cookies copied before a sign-out are worthless after it", {}, async ({ page, stage, another }) => {
  await enrol(stage.api, ada);
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

test("S8: whoever signs out twice is signed out", { javaScriptEnabled: false }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  await signOut(tab);
  await signOut(page);
  assert.equal(await sessionCookie(page), undefined);
});

test("S9: the next person at a browser sees nothing of the last", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await enrol(stage.api, grace);
  await signIn(page, ada);
  await signOut(page);
  assert.equal(await field(page, "Username or e-mail").inputValue(), "");
  await submitLogin(page, grace.username, grace.password);
  await sees(page, grace);
  assert.ok(!(await page.content()).includes(ada.username));
  await page.goBack({ waitUntil: "commit" });
  await sees(page, grace);
});

test("S10 CS-04: an address alone signs nobody out", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const answer = await page.goto("/logout");
  assert.equal(answer?.status(), 405);
  await page.goto("/dashboard");
  await sees(page, ada);
});

test("a session is ended from the list on another device", {}, async ({ page, stage, another }) => {
  await enrol(stage.api, ada);
  const { page: phone } = await another({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/605.1" });
  await signIn(phone, ada);
  await signIn(page, ada);
  await page.getByRole("button", { name: /^End session: Safari on iPhone/ }).click();
  await page.getByText("Nowhere else").waitFor();
  await phone.reload();
  await seesLogin(phone);
  assert.equal(await sessionCookie(phone), undefined);
  await page.reload();
  await sees(page, ada);
});
