// @ts-check
/** The watch that every journey is under: that it finds what it looks for, and comes to an end. */
import assert from "node:assert/strict";

import { close, open } from "../browser/harness.mjs";
import { assertToldNoToken, journey } from "./journey.mjs";

/** As the API signs them: none that anybody has. */
const TOKEN = ["{\"alg\":\"HS256\"}", "{\"sub\":\"1\"}", "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");

for (const [where, html] of /** @type {const} */ ([["in a page", `<p>${TOKEN}</p>`], ["in base64", `<p>${btoa(TOKEN)}</p>`]])) {
  journey(`a token ${where} is found, whatever its tab has gone on to`, { only: "a" }, async ({ stage, foreign }) => {
    const opened = await open(stage.site, {});
    await opened.page.goto(await foreign(html));
    await opened.page.goto("/login");
    await assert.rejects(assertToldNoToken(opened), /told a token/);
  });
}

journey("a profile closes while a document takes the place of another", { only: "a" }, async ({ stage }) => {
  for (let rounds = 0; rounds < 5; rounds++) {
    const { context, page } = await open(stage.site, {});
    await page.goto("/hall.svg");
    // Fails as soon as the next document is there.
    await assert.rejects(page.evaluate(() => (location.reload(), new Promise(() => {}))), /navigation/);
    await close(context);
  }
});
