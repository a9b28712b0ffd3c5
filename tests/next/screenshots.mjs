// @ts-check
/**
 * A picture of every page of the example, light, dark and narrow: `cargo xtask screenshots`.
 * @module
 */
import { mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { LOOKS } from "../browser/looks.mjs";
import { ada, enrol } from "../browser/people.mjs";
import { launch } from "../browser/servers.mjs";
import { button, field, seesTenNames, signIn, submitLogin, submitRegistration } from "./people.mjs";
import { startSite } from "./servers.mjs";

/** @typedef {import("./people.mjs").Page} Page */

/** How to get to each page of a stranger.
 * @type {Record<string, (page: Page) => Promise<unknown>>} */
const STRANGER = {
  home: (page) => page.goto("/"),
  login: (page) => page.goto("/login"),
  "login-wrong": async (page) => {
    await page.goto("/login");
    await submitLogin(page, "ada", "not the password");
    await page.getByText("isn't right").waitFor();
  },
  "login-registered": (page) => page.goto("/login?notice=registered&username=ada"),
  register: (page) => page.goto("/register"),
  "register-taken": async (page) => {
    await page.goto("/register");
    await submitRegistration(page, ada);
    await page.locator("[aria-invalid]").waitFor();
  },
  "not-found": (page) => page.goto("/nowhere"),
};

/** And to each of somebody who is signed in.
 * @type {Record<string, (page: Page) => Promise<unknown>>} */
const KNOWN = {
  "home-signed-in": (page) => page.goto("/"),
  dashboard: (page) => page.goto("/dashboard"),
  profile: (page) => page.goto("/dashboard/profile"),
  "profile-saved": async (page) => {
    await page.goto("/dashboard/profile");
    await button(page, "Save changes").click();
    await page.getByText("Your profile is saved").waitFor();
  },
  "profile-wrong": async (page) => {
    await page.goto("/dashboard/profile");
    await field(page, "Name").fill("A");
    await button(page, "Save changes").click();
    await page.locator("[aria-invalid]").waitFor();
  },
  "stream-early": async (page) => {
    await page.goto("/dashboard/stream", { waitUntil: "commit" });
    await page.getByText("Looking up").waitFor();
  },
  stream: async (page) => {
    await page.goto("/dashboard/stream");
    await button(page, "Read five lines").click();
    await page.getByText("Line 5").waitFor();
  },
  upload: async (page) => {
    await page.goto("/dashboard/upload");
    await field(page, "File").setInputFiles({ name: "engine.txt", mimeType: "text/plain", buffer: Buffer.from("brass") });
    await button(page, "Send").click();
    await page.getByText("SHA-256").waitFor();
  },
  parallel: async (page) => {
    await page.goto("/dashboard/parallel");
    await button(page, "Ask ten times").click();
    await seesTenNames(page, "In the browser", ada);
  },
};

const folder = fileURLToPath(new URL("screenshots", import.meta.url));
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const [site, browser] = await Promise.all([startSite("a", "start"), launch()]);
await enrol(site.api, ada);
let pictures = 0;

for (const [look, options] of Object.entries(LOOKS)) {
  const context = await browser.newContext({ baseURL: site.site, reducedMotion: "reduce", locale: "en-GB", ...options });
  const page = await context.newPage();
  const take = async (/** @type {string} */ name) => {
    if (name !== "stream-early") await page.waitForLoadState("networkidle");
    await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
    pictures += 1;
  };
  for (const [name, open] of Object.entries(STRANGER)) await open(page).then(() => take(name));
  await site.catchUp();
  await signIn(page, ada);
  for (const [name, open] of Object.entries(KNOWN)) await open(page).then(() => take(name));
  await site.down();
  await page.goto("/dashboard/profile");
  await take("outage");
  await site.up();
  await context.close();
}

await browser.close();
await site.end();
console.log(`${pictures} pictures in ${folder}`);
