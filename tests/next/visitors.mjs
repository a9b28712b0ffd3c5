// @ts-check
/** What strangers are shown, and what their browsers remember. */
import assert from "node:assert/strict";

import { enrol } from "../browser/people.mjs";
import { journey } from "./journey.mjs";
import { sees, signIn } from "./people.mjs";

/** What a request can say to pretend that a gateway has been there. */
const FORGED = {
  "x-vestibule-identity": `${btoa('{"alg":"none"}')}.${btoa('{"sub":"1","username":"ada","name":"Ada Lovelace","aud":"ui","exp":9999999999}')}.`.replaceAll("=", ""),
  "x-vestibule-path": "//evil.test/",
  "x-vestibule-session": "forged",
  "x-middleware-subrequest": "middleware:middleware:middleware:middleware:middleware",
  "x-middleware-next": "1",
  "x-forwarded-host": "evil.test",
};

journey("T3: headers that a client makes up open nothing, and lead nowhere else", {}, async ({ page, stage, ada }) => {
  await enrol(stage.api, { ...ada, username: `${ada.username}x`, email: `x${ada.email}` });
  for (const headers of [FORGED, { ...FORGED, rsc: "1" }, { ...FORGED, accept: "text/html" }]) {
    const answer = await page.request.get("/dashboard", { headers, maxRedirects: 0 });
    const body = await answer.text();
    assert.ok(!body.includes("Your account") && !body.includes(ada.name), `${answer.status()} ${body}`);
    assert.doesNotMatch(answer.headers().location ?? "", /evil/);
  }
});

/** What Next.js adds to a request of its own: nothing, for a visit; and of two kinds of prefetch.
 * @type {Record<string, string>[]} */
const PREFETCHES = [{}, { "next-router-prefetch": "1" }, { "next-router-prefetch": "2", "next-router-segment-prefetch": "/_tree" }];

journey("T4: requests of Next.js for a guarded page are told nothing without a session", {}, async ({ page, ada }) => {
  for (const path of ["/dashboard", "/dashboard/profile", "/dashboard/parallel"]) {
    for (const more of PREFETCHES) {
      const answer = await page.request.get(`${path}?_rsc=abc12`, { headers: { rsc: "1", ...more }, maxRedirects: 0 });
      const text = await answer.text();
      assert.ok([204, 307].includes(answer.status()), `${path} ${JSON.stringify(more)}: ${answer.status()}`);
      assert.match(answer.headers()["cache-control"] ?? "", /no-store/, path);
      for (const word of [ada.name, ada.email, "Your account", "Save changes"]) assert.ok(!text.includes(word), text);
    }
  }
});

journey("K1 N8: a link that was prefetched while signed out works after a sign-in elsewhere", {}, async ({ page, ada, seen }) => {
  await page.goto("/", { waitUntil: "networkidle" });
  const tab = await page.context().newPage();
  await signIn(tab, ada);
  await page.getByRole("link", { name: "Open the dashboard" }).click();
  await sees(page, ada);
  assert.deepEqual(seen.console, [], "prefetching says nothing in the console");
});
