// @ts-check
// The brief's FastAPI backend behind the real program: what its users see.
import assert from "node:assert/strict";

import { testReal } from "./harness.mjs";
import { ada, seesLogin, signIn, signOutButton, submitRegistration } from "./people.mjs";
import { startFastapi } from "./servers.mjs";

testReal("users of the FastAPI backend sign up, in and out, and no token of theirs reaches the browser", {}, async ({ page, context }) => {
  await page.goto("/register");
  await submitRegistration(page, ada);
  await page.getByText("Your account is ready").waitFor();
  await signIn(page, ada);
  const user = await page.evaluate(async () => (await fetch("/api/v1/user/me")).json());
  assert.equal(user.username, ada.username);
  const names = (await context.cookies()).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["vestibule", "vestibule_hint"]);
  await signOutButton(page).click();
  await seesLogin(page);
  await page.goto("/dashboard");
  await seesLogin(page);
}, startFastapi);
