// @ts-check
import assert from "node:assert/strict";

import { assertQuiet, test } from "./harness.mjs";
import { ada, enrol, field, sees, seesLogin, signIn, signOutButton, submitLogin } from "./people.mjs";

/** As long as things get. */
const LONG = {
  name: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
  username: "wwwwwwwwwwwwwwwwwwww",
  email: "wwwwwwwwwwwwwwwwwwwwwwwwwwwww@wwwwwwww.example.com",
  password: "as long as things get",
};

const PUBLIC = ["/", "/login", "/login?next=%2Fdashboard", "/register", "/nowhere"];
const PRIVATE = ["/", "/dashboard", "/dashboard?notice=saved", "/nowhere"];

test("K2 CS-12: a normal visit fails nowhere and logs nothing", {}, async ({ page, stage, seen }) => {
  await enrol(stage.api, ada);
  for (const path of ["/", "/register", "/login"]) await page.goto(path);
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  await page.goto("/", { waitUntil: "networkidle" });
  await page.getByRole("link", { name: "Dashboard", exact: true }).click();
  await field(page, "Name").fill("Countess");
  await page.getByRole("button", { name: "Save changes" }).click();
  await sees(page, { name: "Countess" });
  await page.reload();
  await signOutButton(page).click();
  await seesLogin(page);
  assertQuiet(seen);
});

test("K2: no link leads nowhere", {}, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  /** @type {Set<string>} */
  const links = new Set();
  const gather = async (/** @type {string[]} */ paths) => {
    for (const path of paths) {
      await page.goto(path);
      for (const link of await page.getByRole("link").all()) links.add((await link.getAttribute("href")) ?? "");
    }
  };
  await gather(PUBLIC);
  await signIn(page, ada);
  await gather(PRIVATE);
  const dead = [];
  for (const link of [...links].filter((link) => link !== "#main")) {
    const answer = await page.request.get(link);
    if (answer.status() >= 400) dead.push(`${answer.status()} ${link}`);
  }
  assert.deepEqual(dead, []);
});

/** The bytes of everything that a page loads, into an empty cache.
 * @param {() => Promise<import("./harness.mjs").Opened>} another
 * @param {string} path
 * @param {import("playwright-core").Cookie[]} cookies */
async function weigh(another, path, cookies) {
  const { page, context, seen } = await another();
  await context.addCookies(cookies);
  await page.goto(path, { waitUntil: "networkidle" });
  const bodies = await Promise.all(seen.answers.map(({ body }) => body));
  await context.close();
  return bodies.reduce((sum, body) => sum + (body?.length ?? 0), 0);
}

test("no page weighs 30 KB, with all that it loads", {}, async ({ page, stage, another }) => {
  await enrol(stage.api, LONG);
  const weights = [];
  for (const path of PUBLIC) weights.push([path, await weigh(another, path, [])]);
  await signIn(page, LONG);
  const cookies = await page.context().cookies();
  for (const path of PRIVATE) weights.push([`${path}, signed in`, await weigh(another, path, cookies)]);
  await stage.down();
  weights.push(["an outage", await weigh(another, "/dashboard", cookies)]);
  assert.deepEqual(weights.filter(([, bytes]) => Number(bytes) >= 30_000), []);
  assert.ok(weights.every(([, bytes]) => Number(bytes) > 5_000), JSON.stringify(weights));
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  const narrow = { javaScriptEnabled, viewport: { width: 320, height: 640 } };
  test(`at 320 pixels nothing has to be scrolled sideways${how}`, narrow, async ({ page, stage }) => {
    await enrol(stage.api, LONG);
    /** @type {string[]} */
    const wide = [];
    const look = async (/** @type {string} */ path) => {
      await page.goto(path);
      const width = await page.locator("html").evaluate((html) => html.scrollWidth);
      if (width > 320) wide.push(`${path} is ${width} wide`);
    };
    for (const path of PUBLIC) await look(path);
    await signIn(page, LONG);
    await field(page, "Picture URL").fill(`https://example.com/${"w".repeat(200)}.png`);
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByText("saved").waitFor();
    for (const path of PRIVATE) await look(path);
    await stage.down();
    await look("/dashboard");
    assert.deepEqual(wide, []);
  });
}

test("the API's reference is a quiet page of this house too", { viewport: { width: 320, height: 640 } }, async ({ page, stage, seen }) => {
  await page.goto(new URL("/docs", stage.api).href, { waitUntil: "networkidle" });
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.ok((await page.locator("html").evaluate((html) => html.scrollWidth)) <= 320);
  assertQuiet(seen);
});
