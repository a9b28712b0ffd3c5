// @ts-check
/** What the development server alone has. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { journey } from "./journey.mjs";

const PAGE = "app/(public)/page.tsx";

journey("N11: an edited page changes in the browser, by the socket of the development server", {}, async ({ page, stage }) => {
  const socket = page.waitForEvent("websocket");
  await page.goto("/");
  const url = new URL((await socket).url());
  assert.equal(url.host, new URL(stage.site).host);
  assert.match(url.pathname, /^\/_next\//);
  await page.getByRole("heading", { level: 1, name: "An app with its sign-in left out" }).waitFor();
  await page.evaluate(() => void (/** @type {any} */ (window).sameDocument = true));

  const file = join(stage.next.folder, PAGE);
  const before = await readFile(file, "utf8");
  try {
    await writeFile(file, before.replace("An app with its sign-in left out", "A page that was edited"));
    await page.getByRole("heading", { level: 1, name: "A page that was edited" }).waitFor();
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).sameDocument), true, "not by loading it again");
  } finally {
    await writeFile(file, before);
  }
});
