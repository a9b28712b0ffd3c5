// @ts-check
import assert from "node:assert/strict";

import { at } from "../browser/harness.mjs";
import { journey } from "./journey.mjs";
import { EXPIRED, button, field, openTab, sees, seesLogin, seesTenNames, sessionCookie, signIn, signOutButton } from "./people.mjs";

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  journey(`a Server Action that is sent after the access token's end does what it should${how}`, { javaScriptEnabled }, async ({ page, stage, ada }) => {
    await signIn(page, ada);
    await page.goto("/dashboard/profile");
    await field(page, "Name").fill("Countess Lovelace");
    await stage.count("");
    await stage.advance(EXPIRED);
    await button(page, "Save changes").click();
    await page.getByText("Your profile is saved").waitFor();
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
    await page.goto("/dashboard");
    await sees(page, { name: "Countess Lovelace" });
  });
}

journey("E3: ten fetches at once in the browser after an expiry make one refresh, twice in a row", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await page.goto("/dashboard/parallel");
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.count("");
    await stage.advance(EXPIRED);
    await button(page, "Ask ten times").click();
    await page.waitForResponse("**/api/v1/user/me");
    await seesTenNames(page, "In the browser", ada);
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
  }
});

journey("E4: two tabs that wake up at once both go on, and make one refresh, twice in a row", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  const tab = await page.context().newPage();
  await tab.goto("/dashboard");
  for (let rounds = 0; rounds < 2; rounds++) {
    await stage.count("");
    await stage.advance(EXPIRED);
    await Promise.all([page.reload(), tab.reload()]);
    await Promise.all([sees(page, ada), sees(tab, ada)]);
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
  }
});

journey("N12: a page's fallback is there before its slow part", {}, async ({ page, ada }) => {
  await signIn(page, ada);
  const started = Date.now();
  await page.goto("/dashboard/stream", { waitUntil: "commit" });
  await page.getByText("Looking up").waitFor();
  const early = Date.now() - started;
  await page.getByText("You're signed in here").waitFor();
  assert.ok(Date.now() - started >= 2000 && early < 1900, `the fallback took ${early} ms: something held it back`);
});

journey("an expiry while a page is still being streamed is mended without a word", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await page.goto("/dashboard/stream", { waitUntil: "commit" });
  await page.getByText("Looking up").waitFor();
  await stage.advance(EXPIRED);
  await page.getByText("You're signed in here, and nowhere else").waitFor();
  assert.equal(at(page), "/dashboard/stream");
  assert.ok(await signOutButton(page).isVisible());
});

journey("an expiry while a Route Handler streams does not break it off", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await page.goto("/dashboard/stream");
  await button(page, "Read five lines").click();
  await page.getByText("Line 2 for").waitFor();
  await stage.advance(EXPIRED);
  await page.getByText(`Line 5 for ${ada.name}`).waitFor();
  await stage.advance(EXPIRED);
  await button(page, "Read five lines").click();
  await page.getByText(`Line 1 for ${ada.name}`).waitFor();
});

journey("a Route Handler after an expiry answers", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await stage.advance(EXPIRED);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download my data" }).click()]);
  assert.equal(download.suggestedFilename(), `${ada.username}.json`);
});

journey("E6: a page that has expired still signs out", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await stage.count("");
  await stage.advance(EXPIRED);
  await signOutButton(page).click();
  await seesLogin(page);
  assert.equal(await sessionCookie(page), undefined);
  assert.equal(await stage.count("POST /api/v1/logout"), 1);
});

journey("F3: a slow API across an expiry is waited for", {}, async ({ page, stage, ada }) => {
  await signIn(page, ada);
  await stage.slow(1500);
  await stage.advance(EXPIRED);
  await openTab(page, "Profile");
  await field(page, "Name").waitFor();
  await stage.advance(EXPIRED);
  await page.reload();
  await field(page, "Name").waitFor();
});
