// @ts-check
/** Several gateways, and keys that change. */
import assert from "node:assert/strict";

import { journey } from "./journey.mjs";
import { EXPIRED, button, field, openTab, sees, seesLogin, sessionCookie, signIn, signOut } from "./people.mjs";

// Where Next.js is in front, one address is built into it: what is behind that is the operator's.
journey("G4: two gateways refresh the same session at once, twice in a row, and nobody is signed out", { only: "a" }, async ({ page, stage, ada }) => {
  const second = await stage.second();
  await signIn(page, ada);
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.count("");
    await stage.advance(EXPIRED);
    // With the browser's cookies, and what they set becomes the browser's.
    const answers = await Promise.all([stage.site, second].map((gateway) => page.request.get(`${gateway}/dashboard`)));
    for (const answer of answers) assert.ok((await answer.text()).includes(ada.email), `${answer.status()} ${answer.url()}`);
    const refreshes = await stage.count("POST /api/v1/refresh");
    assert.ok(refreshes >= 1 && refreshes <= 2, `${refreshes} refreshes: one for each gateway at most`);
  }
  const tab = await page.context().newPage();
  await tab.goto(`${second}/dashboard`);
  await sees(tab, ada);
  await signOut(page);
  await tab.reload();
  await seesLogin(tab);
});

journey("KY-03: a new secret in front of the old one signs nobody out, and breaks no action that is sent then", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await openTab(page, "Profile");
  await field(page, "Name").fill("Countess Lovelace");
  const sealed = await sessionCookie(page);
  // The app has the gateway's keys: it has just been asked for a page.
  await stage.rotate();
  await button(page, "Save changes").click();
  await page.getByText("Your profile is saved").waitFor();
  await stage.advance(EXPIRED);
  await page.goto("/dashboard");
  await sees(page, { name: "Countess Lovelace" });
  const resealed = await sessionCookie(page);
  assert.notEqual(keyOf(resealed), keyOf(sealed), "sealed by the new key");
  await signOut(page);
});

/** The id of the key that a session is sealed with: the second part of its cookie.
 * @param {{ value: string } | undefined} cookie */
const keyOf = (cookie) => cookie?.value.split(".")[1];
