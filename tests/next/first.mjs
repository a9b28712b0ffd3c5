// @ts-check
/** The first five journeys; `cargo xtask` plays them with the development server too. */
import assert from "node:assert/strict";

import { at, until } from "../browser/harness.mjs";
import { journey } from "./journey.mjs";
import {
  EXPIRED, button, field, openTab, sees, seesLogin, seesTenNames, sessionCookie, signIn, signOut, signOutButton, submitLogin, submitRegistration,
} from "./people.mjs";

journey("R2 L2 S1: a newcomer registers, signs in, edits the profile and signs out", {}, async ({ page, grace }) => {
  await page.goto("/");
  await page.getByRole("main").getByRole("link", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Create your account" }).waitFor();
  await submitRegistration(page, grace);
  await sees(page, grace);
  await signOut(page);
  await submitLogin(page, grace.email, grace.password);
  await sees(page, grace);
  await openTab(page, "Profile");
  await field(page, "Name").fill("Rear Admiral Hopper");
  await button(page, "Save changes").click();
  await page.getByText("Your profile is saved").waitFor();
  await openTab(page, "Overview");
  await sees(page, { name: "Rear Admiral Hopper" });

  await signOut(page);
  assert.equal(await sessionCookie(page), undefined);
  await page.goto("/dashboard");
  await seesLogin(page);
  assert.equal(at(page), "/login?next=%2Fdashboard");
});

journey("L1: a wrong password and an unknown name sound the same, and what was typed is kept", {}, async ({ page, ada, grace }) => {
  await page.goto("/login");
  for (const { username } of [ada, grace]) {
    await submitLogin(page, username, "not the password");
    await page.getByText("isn't right").waitFor();
    assert.equal(await field(page, "Username or e-mail").inputValue(), username);
    assert.equal(await sessionCookie(page), undefined);
  }
});

journey("P2 P3: a deep link with its query survives the way through the login, and a wrong password", {}, async ({ page, ada }) => {
  await page.goto("/dashboard/profile?tab=one&q=a%2Fb%20c");
  await seesLogin(page);
  await submitLogin(page, ada.username, "not the password");
  await page.getByText("isn't right").waitFor();
  await submitLogin(page, ada.username, ada.password);
  await field(page, "Name").waitFor();
  assert.equal(at(page), "/dashboard/profile?tab=one&q=a%2Fb%20c");
});

journey("E1 E2 E5: after the access token's end a page that is loaded, and one that a link leads to, are simply there", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await stage.count("");
  await stage.advance(EXPIRED);
  await page.reload();
  await sees(page, ada);
  assert.equal(await stage.count("POST /api/v1/refresh"), 1);

  await stage.advance(EXPIRED);
  await openTab(page, "Profile");
  await field(page, "Name").waitFor();
  assert.equal(await stage.count("POST /api/v1/refresh"), 1);

  await page.goto("about:blank");
  await stage.advance(3 * EXPIRED);
  await page.goto("/dashboard/profile?tab=one");
  await field(page, "Name").waitFor();
  assert.equal(at(page), "/dashboard/profile?tab=one");
});

journey("E3: ten server components that call at once after an expiry make one refresh, before they run", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.count("");
    await stage.advance(EXPIRED);
    await page.goto("/dashboard/parallel");
    await seesTenNames(page, "On the server", ada);
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
  }
  await until("it is still signed in", () => signOutButton(page).isVisible());
});
