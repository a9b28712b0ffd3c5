// @ts-check
// The published Better Auth client for React, in front of a server that is none: useSession as a person sees it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test as nodeTest } from "node:test";
import { promisify } from "node:util";

import { at, test, until } from "./harness.mjs";
import { ada, alerts, enrol, field, sessionCookie, signInButton, signOutButton } from "./people.mjs";
import { documented } from "./servers.mjs";

/**
 * @typedef {import("playwright-core").Page} Page
 */

/** @param {Page} page @param {{ username: string, password: string }} person */
async function signIn(page, { username, password }) {
  await field(page, "Username").fill(username);
  await field(page, "Password").fill(password);
  await signInButton(page).click();
}

const person = (/** @type {Page} */ page, name = ada.name) => page.getByRole("heading", { level: 1, name });
const form = (/** @type {Page} */ page) => page.getByRole("heading", { level: 1, name: "Sign in" });
const status = (/** @type {Page} */ page) => page.getByRole("status").innerText();

/** The tab comes to the front again, six seconds later: useSession asks at most every five.
 * @param {Page} page
 * @returns the status of the answer */
async function comesBack(page) {
  await page.clock.fastForward(6_000);
  const answer = page.waitForResponse(/\/api\/auth\/get-session/);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  const response = await answer;
  await response.finished();
  return response.status();
}

test("useSession: nobody, then who signed in, then nobody, and the other tab sees it", { ui: "react/app.mjs" }, async ({ page, context, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/app");
  await form(page).waitFor();
  await signIn(page, { ...ada, password: "not hers at all" });
  await until("a refusal", async () => (await alerts(page)).length > 0);
  assert.deepEqual(await alerts(page), ["Invalid username or password"]);
  await signIn(page, ada);
  await person(page).waitFor();
  await page.getByText(ada.email).waitFor();

  const other = await context.newPage();
  await other.goto("/app");
  await person(other).waitFor();
  await signOutButton(other).click();
  await form(other).waitFor();
  await form(page).waitFor();
  assert.equal(await sessionCookie(page), undefined);
});

test("useSession: while the API is down the person stays, and it goes on when it is back", { ui: "react/app.mjs" }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  await stage.down();
  assert.equal(await comesBack(page), 503);
  await until("trouble is told", async () => (await status(page)) === "Trouble: 503");
  assert.ok(await person(page).isVisible());
  await stage.up();
  assert.equal(await comesBack(page), 200);
  await until("all is well", async () => (await status(page)) === "Ready");
  assert.ok(await person(page).isVisible());
});

test("useSession: the end of the access token's life is noticed by nobody", { ui: "react/app.mjs" }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  for (let lives = 1; lives <= 3; lives++) {
    await stage.advance(1801);
    await stage.count("POST /api/v1/refresh");
    assert.equal(await comesBack(page), 200);
    assert.equal(await stage.count("POST /api/v1/refresh"), 1);
    assert.equal(await status(page), "Ready");
    assert.ok(await person(page).isVisible());
  }
});

test("RV-01: a session that was ended elsewhere is gone at the next look", { ui: "react/app.mjs" }, async ({ page, another, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  const { page: other } = await another();
  await other.goto("/app");
  await signIn(other, ada);
  await person(other).waitFor();
  const ended = await other.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/auth/revoke-other-sessions", { method: "POST", headers, body: "{}" })).status;
  });
  assert.equal(ended, 200);
  await comesBack(page);
  await form(page).waitFor();
  assert.ok(await person(other).isVisible());
});

test("updateUser: the new name is there at once, in both tabs", { ui: "react/app.mjs" }, async ({ page, context, stage }) => {
  await enrol(stage.api, ada);
  await page.goto("/app");
  await signIn(page, ada);
  await person(page).waitFor();
  const other = await context.newPage();
  await other.goto("/app");
  await person(other).waitFor();
  await page.getByRole("button", { name: "Rename" }).click();
  await person(page, "Countess Lovelace").waitFor();
  await person(other, "Countess Lovelace").waitFor();
});

test("the app of the documentation: a deep link, the form, the data, an outage, the way out", { ui: "react/documented.mjs" }, async ({ page, stage }) => {
  await enrol(stage.api, ada);
  await page.clock.install();
  await page.goto("/dashboard/posts");
  assert.equal(at(page), "/login?next=%2Fdashboard%2Fposts");
  await signIn(page, { ...ada, password: "not hers at all" });
  await until("a refusal", async () => (await alerts(page))[0] === "Invalid username or password");
  await signIn(page, ada);
  await person(page).waitFor();
  assert.equal(at(page), "/dashboard");
  await page.getByText("Tier: none").waitFor();
  await stage.down();
  assert.equal(await comesBack(page), 503);
  await page.getByText("you are still signed in").waitFor();
  await stage.up();
  await signOutButton(page).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  assert.equal(await sessionCookie(page), undefined);
});

nodeTest("the app of the documentation is right for the compiler", async () => {
  const folder = await documented();
  const compilerOptions = {
    strict: true,
    noEmit: true,
    jsx: "react-jsx",
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable"],
    module: "esnext",
    moduleResolution: "bundler",
    skipLibCheck: true,
    paths: { "@/*": ["./src/*"] },
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
  const compile = promisify(execFile)(process.execPath, ["node_modules/typescript/bin/tsc", "-p", folder], { cwd: import.meta.dirname });
  const { stdout } = await compile.catch((failure) => failure);
  assert.equal(stdout, "");
});
