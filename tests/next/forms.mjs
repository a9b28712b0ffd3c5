// @ts-check
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

import { at } from "../browser/harness.mjs";
import { description, enrol } from "../browser/people.mjs";
import { journey } from "./journey.mjs";
import { button, field, sees, seesLogin, sessionCookie, signIn, signInButton, signOut, signOutButton, submitLogin, submitRegistration } from "./people.mjs";

const FORMS = /** @type {const} */ ({
  "/login": { "Username or e-mail": "username", Password: "current-password" },
  "/register": { Name: "name", Username: "username", "E-mail": "email", Password: "new-password" },
});

journey("R1 L5: both forms post labelled fields that password managers know, on a page with a language, a title and one heading", {}, async ({ page }) => {
  for (const [path, fields] of Object.entries(FORMS)) {
    await page.goto(path);
    for (const [label, autocomplete] of Object.entries(fields)) {
      assert.equal(await field(page, label).getAttribute("autocomplete"), autocomplete);
    }
    assert.equal(await field(page, "Password").getAttribute("type"), "password");
    assert.equal(await page.getByRole("main").locator("form").getAttribute("method"), "post");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.match(await page.title(), /^(Sign in|Create account) · /);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  }
});

journey("N1 N2 N3 N4: without JavaScript people register, mistype, sign in, save and sign out", { javaScriptEnabled: false }, async ({ page, grace }) => {
  await page.goto("/dashboard/profile?tab=one");
  await seesLogin(page);
  await page.getByRole("link", { name: "Create an account" }).click();
  await submitRegistration(page, grace);
  await page.getByText("Your account is ready").waitFor();
  await submitLogin(page, grace.username, "not the password");
  await page.getByText("isn't right").waitFor();
  assert.equal(await field(page, "Username or e-mail").inputValue(), grace.username);
  await submitLogin(page, grace.username, grace.password);
  await field(page, "Name").waitFor();
  assert.equal(at(page), "/dashboard/profile?tab=one");
  await field(page, "Name").fill("Rear Admiral Hopper");
  await button(page, "Save changes").click();
  await page.getByText("Your profile is saved").waitFor();
  assert.equal(await field(page, "Name").inputValue(), "Rear Admiral Hopper");
  await signOut(page);
  assert.equal(await sessionCookie(page), undefined);
});

/** As the Better Auth client says it, and as Vestibule's own page does. */
const TAKEN = /already taken|isn't available/;

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  journey(`R3 R4: what is refused at the registration is said beside its field, and what was typed is kept${how}`, { javaScriptEnabled }, async ({ page, ada, grace }) => {
    await page.goto("/register");
    await submitRegistration(page, { ...grace, username: ada.username });
    await page.getByRole("alert").filter({ hasText: TAKEN }).waitFor();
    assert.match(await description(page, "Username"), TAKEN);
    assert.equal(await field(page, "Username").getAttribute("aria-invalid"), "true");
    assert.equal(await field(page, "E-mail").inputValue(), grace.email);
    if (!javaScriptEnabled) assert.equal(await field(page, "Password").inputValue(), "", "a password never comes back");
    await submitRegistration(page, grace);
    await (javaScriptEnabled ? sees(page, grace) : page.getByText("Your account is ready").waitFor());
  });

  journey(`a refused profile keeps what was typed, with the message beside its field${how}`, { javaScriptEnabled }, async ({ page, stage, ada, grace }) => {
    await enrol(stage.api, grace);
    await signIn(page, ada);
    await page.goto("/dashboard/profile");
    await field(page, "Name").fill("Countess");
    await field(page, "E-mail").fill(grace.email);
    await button(page, "Save changes").click();
    await page.getByRole("alert").filter({ hasText: /already/ }).waitFor();
    assert.match(await description(page, "E-mail"), /already/);
    assert.equal(await field(page, "Name").inputValue(), "Countess");
    await page.goto("/dashboard");
    await sees(page, ada);
  });

  journey(`an upload arrives whole at a Server Action${how}`, { javaScriptEnabled }, async ({ page, ada }) => {
    await signIn(page, ada);
    await page.goto("/dashboard/upload");
    const buffer = randomBytes(900_000);
    await field(page, "File").setInputFiles({ name: "a file.bin", mimeType: "application/octet-stream", buffer });
    await button(page, "Send").click();
    await page.getByText("a file.bin, 900000 bytes").waitFor();
    await page.getByText(createHash("sha256").update(buffer).digest("hex")).waitFor();
  });
}

journey("L4: a double click signs in once", {}, async ({ page, stage, ada }) => {
  await page.goto("/login", { waitUntil: "networkidle" });
  await field(page, "Username or e-mail").fill(ada.username);
  await field(page, "Password").fill(ada.password);
  await stage.slow(200);
  await stage.count("");
  await signInButton(page).dblclick();
  await sees(page, ada);
  assert.equal(await stage.count("POST /api/v1/login"), 1);
});

journey("L3: the keyboard alone signs in and out", {}, async ({ page, ada }) => {
  await page.goto("/login");
  await field(page, "Username or e-mail").focus();
  await page.keyboard.type(ada.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(ada.password);
  await page.keyboard.press("Enter");
  await sees(page, ada);
  await signOutButton(page).focus();
  await page.keyboard.press("Enter");
  await seesLogin(page);
});

journey("a form that is sent before its script has come signs in all the same, and puts no password into the address", {}, async ({ page, ada }) => {
  await page.route("**/_next/static/**/*.js", (route) => route.abort());
  await page.goto("/login?next=%2Fdashboard%3Ftab%3Done");
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  assert.equal(at(page), "/dashboard?tab=one");
});
