// @ts-check
import assert from "node:assert/strict";

import { at } from "../browser/harness.mjs";
import { journey } from "./journey.mjs";
import {
  EXPIRED, alerts, button, field, openTab, sees, seesLogin, seesTenNames, sessionCookie, signIn, signOutButton, submitLogin, submitRegistration,
} from "./people.mjs";

journey("F2: an outage at the sign-in is not called a wrong password, and keeps what was typed", {}, async ({ page, stage, ada }) => {
  await page.goto("/login?next=%2Fdashboard%2Fprofile");
  await stage.down();
  await submitLogin(page, ada.username, ada.password);
  await page.getByText("isn't answering").waitFor();
  assert.doesNotMatch((await alerts(page)).join(" "), /password|isn't right/i);
  assert.equal(await field(page, "Username or e-mail").inputValue(), ada.username);
  await stage.up();
  await submitLogin(page, ada.username, ada.password);
  await field(page, "Name").waitFor();
  assert.equal(at(page), "/dashboard/profile");
});

journey("F2: a registration survives an outage with everything typed but the password", {}, async ({ page, stage, grace }) => {
  await page.goto("/register");
  await stage.down();
  await submitRegistration(page, grace);
  await page.getByText("isn't answering").waitFor();
  assert.equal(await field(page, "E-mail").inputValue(), grace.email);
  await stage.up();
  await submitRegistration(page, grace);
  await sees(page, grace);
});

for (const [when, seconds] of /** @type {const} */ ([["", 0], [" after the access token's end", EXPIRED]])) {
  journey(`F1: a page that is loaded while the API is down${when} says so, and is there again when it is up`, {}, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    const cookie = await sessionCookie(page);
    await stage.down();
    await stage.advance(seconds);
    const answer = await page.goto("/dashboard/profile?tab=one");
    assert.ok((answer?.status() ?? 0) >= 500);
    await page.getByRole("heading", { name: "We'll be right back" }).waitFor();
    assert.equal(at(page), "/dashboard/profile?tab=one");
    assert.equal((await sessionCookie(page))?.value, cookie?.value, "the session is kept");
    await stage.up();
    await page.reload();
    await field(page, "Name").waitFor();
  });

  journey(`F1: a link that is followed while the API is down${when} leads to a page that says so`, {}, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    await stage.down();
    await stage.advance(seconds);
    await openTab(page, "Parallel");
    await page.getByRole("heading", { name: "We'll be right back" }).waitFor();
    await stage.up();
    await page.goto("/dashboard/parallel");
    await seesTenNames(page, "On the server", ada);
  });

  journey(`F1: a Server Action while the API is down${when} loses nothing that was typed`, {}, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    await page.goto("/dashboard/profile");
    await field(page, "Name").fill("Countess Lovelace");
    await stage.down();
    await stage.advance(seconds);
    await button(page, "Save changes").click();
    await page.getByText("isn't answering").waitFor();
    assert.ok(await sessionCookie(page));
    await stage.up();
    // Whoever sees no form any more goes back to it.
    if (await field(page, "Name").isHidden()) await page.reload();
    else assert.equal(await field(page, "Name").inputValue(), "Countess Lovelace");
    await field(page, "Name").fill("Countess Lovelace");
    await button(page, "Save changes").click();
    await page.getByText("Your profile is saved").waitFor();
  });

  journey(`F1: a fetch of the browser while the API is down${when} is told 503, and works when it is up`, {}, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    const ask = () => page.evaluate(async () => (await fetch("/api/v1/user/me")).status);
    await stage.down();
    await stage.advance(seconds);
    assert.ok([502, 503].includes(await ask()));
    await stage.up();
    assert.equal(await ask(), 200);
  });

  journey(`F1: a Route Handler while the API is down${when} fails as the server's fault, and works when it is up`, {}, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    const ask = async () => (await page.request.get("/dashboard/export")).status();
    await stage.down();
    await stage.advance(seconds);
    assert.ok((await ask()) >= 500);
    assert.ok(await sessionCookie(page), "the session is kept");
    await stage.up();
    assert.equal(await ask(), 200);
  });
}

journey("F1 G15: a sign-out works while the API is down", {}, async ({ page, context, stage, ada }) => {
  await signIn(page, ada);
  const copied = await context.cookies();
  await stage.down();
  await signOutButton(page).click();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
  await stage.up();
  await context.addCookies(copied);
  await page.goto("/dashboard");
  await seesLogin(page);
});

/** React's own word for a part that failed on the server and is made again in the browser; what it is called while developing is a text. */
const LEFT_TO_THE_BROWSER = /Minified React error #419;/;

journey("F1: a part that comes late while the API is down fails alone", {}, async ({ page, stage, seen, ada }) => {
  await signIn(page, ada);
  await page.goto("/dashboard/stream", { waitUntil: "commit" });
  await page.getByText("Looking up").waitFor();
  await stage.down();
  await page.getByRole("heading", { name: "We'll be right back" }).waitFor();
  await stage.up();
  await button(page, "Try again").click();
  await page.getByText("You're signed in here").waitFor();
  await page.goto("/dashboard");
  await sees(page, ada);
  // Once at most, since Next.js reports it or shows its page first; and nothing else.
  assert.ok(seen.errors.length <= 1 && seen.errors.every((error) => LEFT_TO_THE_BROWSER.test(error)), seen.errors.join());
  seen.errors.length = 0;
});
