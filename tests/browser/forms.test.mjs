// @ts-check
import assert from "node:assert/strict";

import { test, until } from "./harness.mjs";
import { ada, description, enrol, field, sees, signIn, signInButton, submitRegistration } from "./people.mjs";

const FORMS = /** @type {const} */ ({
  "/login": { "Username or e-mail": "username", Password: "current-password" },
  "/register": { Name: "name", Username: "username", "E-mail": "email", Password: "new-password" },
});

for (const [path, fields] of Object.entries(FORMS)) {
  test(`R1 PW-11: ${path} posts labelled fields that password managers know`, {}, async ({ page }) => {
    await page.goto(path);
    for (const [label, autocomplete] of Object.entries(fields)) {
      assert.equal(await field(page, label).getAttribute("autocomplete"), autocomplete);
    }
    assert.equal(await field(page, "Password").getAttribute("type"), "password");
    assert.equal(await page.getByRole("main").locator("form").getAttribute("method"), "post");
  });

  test(`L5: ${path} says its language, its title and one heading`, {}, async ({ page }) => {
    await page.goto(path);
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.match(await page.title(), /^(Sign in|Create account) · /);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
    for (const role of /** @type {const} */ (["banner", "main", "contentinfo"])) {
      assert.equal(await page.getByRole(role).count(), 1, role);
    }
  });
}

test("PW-11: a typed password can be shown, and is hidden again before it is sent", {}, async ({ page }) => {
  await page.goto("/login");
  const type = () => field(page, "Password").getAttribute("type");
  await field(page, "Password").fill("not much of a secret");
  await page.getByRole("button", { name: "Show characters" }).click();
  assert.equal(await type(), "text");
  await field(page, "Username or e-mail").fill("nobody");
  await page.route("**/login", (route) => route.fulfill({ status: 204 }));
  await signInButton(page).click();
  await until("the password is hidden", async () => (await type()) === "password");
});

test("R3: a taken username and a taken address are told beside their fields", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/register");
  await submitRegistration(page, { ...ada, email: "other@example.com" });
  await page.getByText("That username isn't available").waitFor();
  assert.match(await description(page, "Username"), /isn't available/);
  assert.equal(await field(page, "Username").getAttribute("aria-invalid"), "true");

  await submitRegistration(page, { ...ada, username: "other" });
  await page.getByText("exists already").waitFor();
  assert.match(await description(page, "E-mail"), /exists already/);
});

const WRONG = { name: "A", username: "Not Lower", email: "nowhere", password: "short" };
const MESSAGES = {
  Name: /too short/,
  Username: /lowercase letters and digits/,
  "E-mail": /doesn't look like an e-mail address/,
  Password: /too short/,
};

test("R4: what can't be right is refused at once, beside each field", {}, async ({ page, stage }) => {
  await page.goto("/register");
  await submitRegistration(page, WRONG);
  for (const [label, message] of Object.entries(MESSAGES)) {
    assert.match(await description(page, label), message);
    assert.equal(await field(page, label).getAttribute("aria-invalid"), "true");
  }
  assert.equal(await field(page, "Name").evaluate((input) => input === document.activeElement), true);
  assert.equal(await stage.count("POST /api/v1/user"), 0);
  await field(page, "Name").fill("Ada");
  await until("the message is gone", async () => !/too short/.test(await description(page, "Name")));
});

test("R4: without JavaScript the server refuses it, and what was typed is kept", { javaScriptEnabled: false }, async ({ page }) => {
  await page.goto("/register");
  await page.getByRole("main").locator("form").evaluate((form) => void (/** @type {HTMLFormElement} */ (form).noValidate = true));
  await submitRegistration(page, WRONG);
  await page.getByText("That's too short. Use at least 2 characters.").waitFor();
  for (const [label, message] of Object.entries(MESSAGES)) {
    assert.match(await description(page, label), message);
    assert.equal(await field(page, label).getAttribute("aria-invalid"), "true");
  }
  assert.equal(await field(page, "Username").inputValue(), "Not Lower");
  assert.equal(await field(page, "E-mail").inputValue(), "nowhere");
  assert.equal(await field(page, "Password").inputValue(), "", "a password never comes back");
  assert.match(await page.title(), /^Error: /);
});

test("a refused profile keeps what was typed, with the message beside its field", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await enrol(stage.api, { ...ada, username: "taken", email: "taken@example.com" });
  await signIn(page, ada);
  await field(page, "Name").fill("Countess");
  await field(page, "Username").fill("taken");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("That username isn't available").waitFor();
  assert.match(await description(page, "Username"), /isn't available/);
  assert.equal(await field(page, "Name").inputValue(), "Countess");
  await page.goto("/dashboard");
  await sees(page, ada);
});

test("an account is deleted only by who types its name", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  const confirmation = field(page, "Confirmation");
  const button = page.getByRole("button", { name: "Delete account" });
  await confirmation.fill("grace");
  await button.click();
  assert.match(await description(page, "Confirmation"), /That isn't your username/);
  await confirmation.fill("ada");
  await button.click();
  await page.getByText("Your account is deleted").waitFor();
  await page.goto("/login");
  await field(page, "Username or e-mail").fill(ada.username);
  await field(page, "Password").fill(ada.password);
  await signInButton(page).click();
  await page.getByText("isn't right").waitFor();
});
