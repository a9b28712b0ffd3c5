// @ts-check
import assert from "node:assert/strict";

import { at, testReal } from "./harness.mjs";
import { ada, field, sees, sessionCookie, signOutButton, submitLogin, submitRegistration } from "./people.mjs";

/** From the front page to the sign-out, as a newcomer goes.
 * @param {import("playwright-core").Page} page */
async function wholeJourney(page) {
  await page.goto("/");
  await page.getByRole("main").getByRole("link", { name: "Create account" }).click();
  await submitRegistration(page, ada);
  await page.getByText("Your account is ready").waitFor();
  assert.equal(await field(page, "Username or e-mail").inputValue(), "ada");

  await submitLogin(page, ada.email, ada.password);
  await sees(page, ada);
  await field(page, "Name").fill("Countess Lovelace");
  await field(page, "Username").fill("countess");
  await page.getByRole("button", { name: "Save changes" }).click();
  await sees(page, { name: "Countess Lovelace" });
  assert.equal(await field(page, "Username").inputValue(), "countess");

  await page.getByRole("link", { name: "Vestibule" }).first().click();
  await page.getByRole("heading", { name: "Welcome back, Countess Lovelace" }).waitFor();
  await page.getByRole("link", { name: "Dashboard", exact: true }).click();
  await signOutButton(page).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await sessionCookie(page), undefined);
  await page.goto("/dashboard");
  assert.equal(at(page), "/login?next=%2Fdashboard");
}

testReal("R2 L2 S1: a newcomer registers, signs in, edits the profile and signs out", {}, ({ page }) => wholeJourney(page));

testReal("N1 N2 N4: and so without JavaScript", { javaScriptEnabled: false }, ({ page }) => wholeJourney(page));
