// @ts-check
/**
 * One journey, in every design: each has one site a process, and each journey has people and a browser of its own.
 * @module
 */
import assert from "node:assert/strict";
import { after } from "node:test";

import { ada, enrol, grace } from "../browser/people.mjs";
import { test } from "../browser/harness.mjs";
import { hasToken } from "../browser/secrets.mjs";
import { startSite } from "./servers.mjs";

/** @typedef {import("../browser/harness.mjs").Scene} Scene */
/** @typedef {import("../browser/people.mjs").Person} Person */
/** @typedef {import("./servers.mjs").Design} Design */

/** @typedef {Scene & { stage: import("./servers.mjs").Site, design: Design, ada: Person, grace: Person }} Journey */

/** The designs to play, as in `VESTIBULE_NEXT_DESIGNS=a`. */
const DESIGNS = /** @type {Design[]} */ ((process.env.VESTIBULE_NEXT_DESIGNS ?? "a,b").split(","));

/** What Next.js runs as. */
export const MODE = process.env.VESTIBULE_NEXT_MODE === "dev" ? "dev" : "start";

/** @type {Map<Design, ReturnType<typeof startSite>>} */
const sites = new Map();
after(async () => {
  for (const site of sites.values()) {
    const { end, next } = await site;
    await end();
    assert.ok(!hasToken(next.log()), "Next.js logged a token");
  }
});

/** The site of a design, with its API up, quick and uncounted, and clocks that agree: a signed identity is good for a minute, and
 * no test takes that long.
 * @param {Design} design */
async function setTheStage(design) {
  if (!sites.has(design)) sites.set(design, startSite(design, MODE));
  const site = await /** @type {ReturnType<typeof startSite>} */ (sites.get(design));
  await site.up();
  await site.slow(0);
  await site.count("");
  await site.catchUp();
  return { ...site, end: async () => {} };
}

let people = 0;

/** A person by another username and address.
 * @param {Person} person
 * @returns {Person} */
function double(person) {
  const username = `${person.username}${++people}`;
  return { ...person, username, email: `${username}@example.com` };
}

/** A test in each design. `ada` has an account, `grace` has none yet.
 * @param {string} name
 * @param {import("../browser/harness.mjs").BrowserOptions & { breaches?: true }} options as of `test`
 * @param {(journey: Journey) => Promise<void>} body */
export function journey(name, options, body) {
  for (const design of DESIGNS) {
    test(`${design.toUpperCase()}: ${name}`, options, async (scene) => {
      const stage = /** @type {import("./servers.mjs").Site} */ (scene.stage);
      const [one, other] = [double(ada), double(grace)];
      await enrol(stage.api, one);
      await body({ ...scene, stage, design, ada: one, grace: other });
    }, () => setTheStage(design));
  }
}
