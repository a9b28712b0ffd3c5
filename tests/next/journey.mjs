// @ts-check
/**
 * One journey: people and a browser of its own, on the one site that this process has.
 * @module
 */
import assert from "node:assert/strict";
import { after } from "node:test";

import { test } from "../browser/harness.mjs";
import { ada, enrol, grace } from "../browser/people.mjs";
import { hasToken } from "../browser/secrets.mjs";
import { MODE, startSite } from "./servers.mjs";

/** @typedef {import("../browser/harness.mjs").Scene} Scene */
/** @typedef {import("../browser/people.mjs").Person} Person */
/** @typedef {import("./servers.mjs").Design} Design */
/** @typedef {import("./servers.mjs").Site} Site */

/** @typedef {Scene & { stage: Site, design: Design, ada: Person, grace: Person }} Journey */

/** @type {Design} */
let design = "a";

/** @type {Promise<Site> | undefined} */
let site;
after(async () => {
  if (!site) return;
  const { end, next } = await site;
  await end();
  assert.ok(!hasToken(next.log()), "Next.js logged a token");
}, { timeout: 20_000 });

/** Says which design is played; before the first journey.
 * @param {Design} played */
export function setDesign(played) {
  design = played;
}

/** The site, with its API up, quick and uncounted, and clocks that agree: a signed identity is good for a minute, and no test takes
 * that long. */
async function setTheStage() {
  site ??= startSite(design, MODE);
  const stage = await site;
  await stage.up();
  await stage.slow(0);
  await stage.count("");
  await stage.catchUp();
  return { ...stage, end: async () => {} };
}

let people = 0;

/** A person by another username and address.
 * @param {Person} person
 * @returns {Person} */
function double(person) {
  const username = `${person.username}${++people}`;
  return { ...person, username, email: `${username}@example.com` };
}

/** A test. `ada` has an account, `grace` has none yet.
 * @param {string} name
 * @param {import("../browser/harness.mjs").BrowserOptions & { breaches?: true }} options as of `test`
 * @param {(journey: Journey) => Promise<void>} body */
export function journey(name, options, body) {
  test(`${design.toUpperCase()}: ${name}`, options, async (scene) => {
    const stage = /** @type {Site} */ (scene.stage);
    const [one, other] = [double(ada), double(grace)];
    await enrol(stage.api, one);
    await body({ ...scene, stage, design, ada: one, grace: other });
  }, setTheStage);
}
