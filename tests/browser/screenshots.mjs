// @ts-check
/**
 * A picture of every page, light, dark and narrow: `cargo xtask screenshots`.
 * @module
 */
import { mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { LOOKS } from "./looks.mjs";
import { ada, enrol, field, signIn, submitLogin, submitRegistration } from "./people.mjs";
import { launch, startStage } from "./servers.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** How to get to each page of a stranger.
 * @type {Record<string, (page: Page) => Promise<unknown>>} */
const STRANGER = {
  home: (page) => page.goto("/"),
  login: (page) => page.goto("/login"),
  "login-asked": (page) => page.goto("/dashboard?tab=one"),
  "login-wrong": async (page) => {
    await page.goto("/login");
    await submitLogin(page, "ada", "not the password");
    await page.getByText("isn't right").waitFor();
  },
  "login-registered": (page) => page.goto("/login?notice=registered&username=ada"),
  "login-signed-out": (page) => page.goto("/login?notice=signed-out"),
  register: (page) => page.goto("/register"),
  "register-taken": async (page) => {
    await page.goto("/register");
    await submitRegistration(page, ada);
    await page.getByText("exists already").waitFor();
  },
  "register-wrong": async (page) => {
    await page.goto("/register");
    await page.getByRole("button", { name: "Create account" }).click();
  },
  "not-found": (page) => page.goto("/nowhere"),
};

/** And to each of somebody who is signed in.
 * @type {Record<string, (page: Page) => Promise<unknown>>} */
const KNOWN = {
  "home-signed-in": (page) => page.goto("/"),
  dashboard: (page) => page.goto("/dashboard"),
  "dashboard-saved": (page) => page.goto("/dashboard?notice=saved"),
  "dashboard-wrong": async (page) => {
    await page.goto("/dashboard");
    await field(page, "Username").fill("Not Lower");
    await field(page, "E-mail").fill("nowhere");
    await page.getByRole("button", { name: "Save changes" }).click();
  },
};

const folder = fileURLToPath(new URL("screenshots", import.meta.url));
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const [stage, browser] = await Promise.all([startStage(), launch()]);
await enrol(stage.api, ada);
let pictures = 0;

for (const [look, options] of Object.entries(LOOKS)) {
  const context = await browser.newContext({ baseURL: stage.site, reducedMotion: "reduce", locale: "en-GB", ...options });
  const page = await context.newPage();
  const take = async (/** @type {string} */ name) => {
    await page.waitForLoadState("networkidle");
    await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
    pictures += 1;
  };
  for (const [name, open] of Object.entries(STRANGER)) await open(page).then(() => take(name));
  await signIn(page, ada);
  for (const [name, open] of Object.entries(KNOWN)) await open(page).then(() => take(name));
  await stage.down();
  await page.goto("/dashboard");
  await take("outage");
  await stage.up();
  await page.goto(new URL("/docs", stage.api).href);
  await take("docs");
  await context.close();
}

await browser.close();
await stage.end();
console.log(`${pictures} pictures in ${folder}`);
