// @ts-check
/**
 * One journey: people and a browser of its own, on the one site that this process has.
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { CLEARING, test } from "../browser/harness.mjs";
import { ada, enrol, grace } from "../browser/people.mjs";
import { hasToken } from "../browser/secrets.mjs";
import { MODE, STARTING, startSite } from "./servers.mjs";

/** @typedef {import("../browser/harness.mjs").Scene} Scene */
/** @typedef {import("../browser/harness.mjs").Opened} Opened */
/** @typedef {import("../browser/people.mjs").Person} Person */
/** @typedef {import("./servers.mjs").Design} Design */
/** @typedef {import("./servers.mjs").Site} Site */

/** @typedef {Scene & { stage: Site, design: Design, ada: Person, grace: Person }} Journey */
/** @typedef {import("../browser/harness.mjs").BrowserOptions & { breaches?: true, only?: Design }} Options as of `test`; `only`: in this design */
/** @typedef {{ name: string, options: Options, body: (journey: Journey) => Promise<void> }} Told */

/** @type {Told[]} */
const told = [];

/** Tells of a journey that {@link play} will play. `ada` has an account, `grace` has none yet.
 * @param {string} name
 * @param {Options} options
 * @param {(journey: Journey) => Promise<void>} body */
export function journey(name, options, body) {
  told.push({ name, options, body });
}

/** Plays all journeys that were told of, one after the other, on one site: Next.js in front of a gateway has the gateway's address built in,
 * so there can be one of these at a time.
 * @param {Design} design */
export function play(design) {
  describe(`design ${design.toUpperCase()}`, () => {
    /** @type {Promise<Site>} */
    let site;
    before(() => (site = startSite(design, MODE)), STARTING);
    after(async () => {
      const { end, next } = await site;
      await end();
      assert.ok(!hasToken(next.log()), "Next.js logged a token");
    }, CLEARING);
    for (const { name, options: { only = design, ...options }, body } of told) {
      if (only !== design) continue;
      test(`${design.toUpperCase()}: ${name}`, options, (scene) => played(design, scene, body), async () => setTheStage(await site));
    }
  });
}

/** The site, with its API up, quick and uncounted, and clocks that agree: a signed identity is good for a minute, and no test takes
 * that long.
 * @param {Site} stage */
async function setTheStage(stage) {
  await stage.up();
  await stage.slow(0);
  await stage.count("");
  await stage.catchUp();
  return { ...stage, end: async () => {} };
}

/** @param {Design} design
 * @param {Scene} scene
 * @param {Told["body"]} body */
async function played(design, scene, body) {
  const stage = /** @type {Site} */ (scene.stage);
  const [one, other] = [double(ada), double(grace)];
  await enrol(stage.api, one);
  const browsers = [/** @type {Opened} */ (scene)];
  const another = async (/** @type {Parameters<Scene["another"]>} */ ...options) => {
    const opened = await scene.another(...options);
    browsers.push(opened);
    return opened;
  };
  await body({ ...scene, another, stage, design, ada: one, grace: other });
  for (const opened of browsers) await assertToldNoToken(opened);
}

/** Fails if any answer has told a browser a token. What Next.js has built is the same for everybody, and what is sealed is anything.
 * @param {Opened} opened */
export async function assertToldNoToken({ seen, told }) {
  const heads = seen.answers.map(({ response }) => ({ url: response.url(), text: JSON.stringify(response.headers()) }));
  for (const { url, text } of [...heads, ...(await told())]) {
    assert.ok(url.includes("/_next/static/") || !hasToken(text), `${url} told a token: ${text}`);
  }
}

let people = 0;

/** A person by another username and address.
 * @param {Person} person
 * @returns {Person} */
function double(person) {
  const username = `${person.username}${++people}`;
  return { ...person, username, email: `${username}@example.com` };
}
