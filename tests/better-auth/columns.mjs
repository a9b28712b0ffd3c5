// @ts-check
/**
 * The columns of the table: who answers which version of the client, and what each did.
 * @module
 */
import { explain } from "./explain.mjs";
import { differences, inShort } from "./outcome.mjs";
import { play } from "./play.mjs";
import { startAllInOne, startInFrontOfFastapi, startReference } from "./programs.mjs";
import { NEWEST, VERSIONS } from "./versions.mjs";

/**
 * Vestibule before an API, used by a version of the client. `own`: all in one process. `fastapi`: the gateway in front of tests/fastapi.
 * @typedef {{ version: import("./versions.mjs").Version, api: "own" | "fastapi" }} Column
 * @typedef {import("./stage.mjs").Step} Step
 */

/** In the order of the table. @type {Column[]} */
export const COLUMNS = [...VERSIONS.map((version) => ({ version, api: /** @type {const} */ ("own") })), { version: NEWEST, api: "fastapi" }];

/** A difference of a column from Better Auth of that version. Without a claim, it is one too many.
 * @typedef {{ step: Step, difference: import("./outcome.mjs").Difference, claims: import("./explain.mjs").Claim[] }} Finding */

/** @typedef {Column & { steps: Step[], reference: Step[], findings: Finding[] }} Played */

/** How many servers are played on at once. */
const AT_ONCE = 3;

/** Plays everything: each version of the client against Better Auth of that version and against Vestibule.
 * @returns {Promise<{ reference: Step[], columns: Played[] }>} the newest Better Auth, and all columns */
export async function playAll() {
  const inTurn = atMost(AT_ONCE);
  const references = Promise.all(VERSIONS.map((version) => inTurn(() => play({ version, start: (options) => startReference(version, options) }))));
  const start = { own: startAllInOne, fastapi: startInFrontOfFastapi };
  const ours = await Promise.all(COLUMNS.map(({ version, api }) => inTurn(() => play({ version, start: start[api] }))));
  const theirs = await references;
  const reference = theirs[VERSIONS.indexOf(NEWEST)];
  const columns = COLUMNS.map((column, index) => compared(column, ours[index], theirs[VERSIONS.indexOf(column.version)], reference));
  return { reference, columns };
}

/** @param {Column} column @param {Step[]} steps @param {Step[]} reference @param {Step[]} newest @returns {Played} */
function compared(column, steps, reference, newest) {
  const [theirs, ours, latest] = [byKey(reference), byKey(steps), byKey(newest)];
  const keys = [...new Set([...theirs.keys(), ...ours.keys()])];
  const findings = keys.flatMap((key) => {
    const step = /** @type {Step} */ (ours.get(key) ?? theirs.get(key));
    const found = differences(theirs.get(key)?.outcome, ours.get(key)?.outcome);
    return found.map((difference) => ({ step, difference, claims: explain(column, step, difference, latest.get(key)) }));
  });
  return { ...column, steps, reference, findings };
}

/** The differences that nothing explains, in words. @param {Played} column */
export const unexplained = ({ findings }) =>
  findings
    .filter(({ claims }) => claims.length === 0)
    .map(({ step, difference: { at, theirs, ours } }) => `${named(step)}: ${at} is ${theirs} with Better Auth, ${ours} with Vestibule`);

/** @param {Step[]} steps */
const byKey = (steps) => new Map(steps.map((step) => [named(step), step]));

/** What tells steps apart, for people too. @param {Step} step */
export const named = ({ scenario, call, what }) => `${scenario}: ${call}, ${what}`;

/** What became of a call in a column, in a word or two.
 * @param {Played} column
 * @param {string} call */
export function verdict({ steps, reference }, call) {
  const answers = (/** @type {Step[]} */ of) => of.filter((step) => step.call === call && !step.isFound).map(({ outcome }) => outcome);
  const [theirs, ours] = [answers(reference), answers(steps)];
  const succeeds = (/** @type {import("./outcome.mjs").Outcome[]} */ of) => of.some(({ status }) => status < 400);
  if (succeeds(ours) || ours.length === 0) return "works";
  if (!succeeds(theirs)) return "same error";
  return `error: ${mostFrequent(ours.filter(({ code }) => code !== "UNAUTHORIZED").map(inShort))}`;
}

/** @param {string[]} texts */
function mostFrequent(texts) {
  const count = (/** @type {string} */ one) => texts.filter((text) => text === one).length;
  return texts.toSorted((one, other) => count(other) - count(one))[0];
}

/** Runs what it is given, so many at once. @param {number} limit */
function atMost(limit) {
  let free = limit;
  /** @type {(() => void)[]} */
  const waiting = [];
  /** @template T @param {() => Promise<T>} task */
  return async (task) => {
    if (free === 0) await new Promise((/** @type {(value: void) => void} */ resolve) => waiting.push(resolve));
    else free--;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
