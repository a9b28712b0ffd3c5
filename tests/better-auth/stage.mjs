// @ts-check
/**
 * What a scenario has to work with, and how what it sees is kept.
 * @module
 */
import { openBrowser } from "./browser.mjs";
import { ofCall, ofResponse, ok } from "./outcome.mjs";

/**
 * @typedef {import("./outcome.mjs").Outcome} Outcome
 * @typedef {import("./versions.mjs").Client} Client
 * @typedef {{ name: string, username: string, email: string, password: string }} Person
 */

/**
 * A row of a transcript. `call`: as the table names it. `what`: the case of it, one of its kind in its scenario. `expected`: what Better Auth
 * does in its newest version; a refusal's words only where they are given. `isFound`: it is no answer, but what came of one.
 * @typedef {{ scenario: string, call: string, what: string, outcome: Outcome, expected: Outcome, isFound: boolean }} Step
 */

/**
 * One thing that people do. It goes on whatever it sees, as far as it can.
 * @typedef {{ name: string, run: (stage: Stage) => Promise<void>, isLimited?: true }} Scenario
 * @typedef {ReturnType<typeof stageOf>} Stage
 */

/** @param {string} name @param {(stage: Stage) => Promise<void>} run @returns {Scenario} */
export const scenario = (name, run) => ({ name, run });

/** One that guesses until it is stopped: on a server that counts. @type {typeof scenario} */
export const limited = (name, run) => ({ name, run, isLimited: true });

/** A stage for one scenario, with people and addresses that no other has.
 * @param {{ site: string, api?: string, tick?: () => void, client: (site: string, send: typeof fetch) => Client }} server
 * @param {string} scenario
 * @param {number} number of the scenario */
export function stageOf({ site, api, tick, client }, scenario, number) {
  /** @type {Step[]} */
  const steps = [];
  /** @type {import("./browser.mjs").Browser[]} */
  const browsers = [];

  /** @param {string} call @param {string} what @param {Outcome} outcome @param {Outcome} expected */
  const keep = (call, what, outcome, expected, isFound = false) => {
    if (steps.some((step) => step.call === call && step.what === what)) throw new Error(`there are two of ${call}, ${what}`);
    steps.push({ scenario, call, what, outcome, expected, isFound });
  };

  return {
    site,
    api,
    steps,
    /** Somebody whom no other scenario knows, and whom every server would take. @param {string} first @returns {Person} */
    person: (first) => {
      const username = `${first}${number}`;
      return { name: `${first} Example`, username, email: `${username}@example.com`, password: `${first} has a pass phrase` };
    },

    /** A browser with nothing in it, and the client in it. */
    device: () => {
      const browser = openBrowser(site, `203.0.113.${number}`, tick);
      browsers.push(browser);
      return { browser, client: client(site, browser.fetch) };
    },

    /** Keeps what came of a call, and answers the data.
     * @template D
     * @param {string} call
     * @param {string} what
     * @param {Promise<{ data: D, error: any }>} result
     * @param {Outcome} expected */
    see: async (call, what, result, expected) => {
      const settled = await result.catch((/** @type {Error} */ error) => ({ data: null, error: { status: 0, message: error.message } }));
      keep(call, what, ofCall(settled, site), expected);
      return /** @type {D} */ (settled.data);
    },

    /** Keeps what came of a request that no client would send.
     * @param {string} call
     * @param {string} what
     * @param {Promise<Response>} response
     * @param {Outcome} expected */
    seeResponse: async (call, what, response, expected) => keep(call, what, await ofResponse(await response, site), expected),

    /** Keeps something else that was found out.
     * @param {string} call
     * @param {string} what
     * @param {unknown} found
     * @param {unknown} expected */
    find: (call, what, found, expected) => keep(call, what, ok(found), ok(expected), true),

    end: () => browsers.forEach(({ end }) => end()),
  };
}

const LONGEST = 10_000;

/** Waits until `holds` does; whether it did. @param {() => boolean} holds */
export async function within(holds) {
  const end = Date.now() + LONGEST;
  while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  return holds();
}
