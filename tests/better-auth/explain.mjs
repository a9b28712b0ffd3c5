// @ts-check
/**
 * Which notes a difference is under.
 * @module
 */
import { AS_NEWEST, NOTES } from "./differences.mjs";
import { differences } from "./outcome.mjs";

/**
 * @typedef {import("./differences.mjs").Note} Note
 * @typedef {import("./differences.mjs").Place} Place
 * @typedef {import("./outcome.mjs").Difference} Difference
 * @typedef {import("./stage.mjs").Step} Step
 * @typedef {import("./columns.mjs").Column} Column
 */

/**
 * One place of a note. With `version`: in that version, where the note names several.
 * @typedef {{ note: Note, place: Place, version?: import("./versions.mjs").Version }} Claim
 */

/** All that the notes say: each has to be seen at least once. @type {Claim[]} */
export const CLAIMS = NOTES.flatMap((note) =>
  note.places.flatMap((place) => (note.versions ?? [undefined]).map((version) => ({ note, place, version }))),
);

/** @param {Claim} claim */
export const claimed = ({ note, place: [call, what, at], version }) => `${version ?? "any version"}: ${call}, ${what}, ${at} (${note.reason})`;

/** What the notes say of a difference; nothing, if it is one too many.
 * @param {Column} column
 * @param {Step} step Vestibule's
 * @param {Difference} difference
 * @param {Step | undefined} newest what the newest Better Auth did there */
export function explain(column, step, difference, newest) {
  const isAsNewest = () => !differences(newest?.outcome, step.outcome).some(({ at }) => at === difference.at || at === "answer");
  return CLAIMS.filter(({ note, place: [call, what, at, ours], version }) => {
    const isHere = (note.api ?? column.api) === column.api && (version ?? column.version) === column.version;
    if (!isHere || !is(call, step.call) || !is(what, step.what) || !is(at, difference.at)) return false;
    return ours === AS_NEWEST ? isAsNewest() : is(ours, difference.ours);
  });
}

/** @param {unknown} wanted a value, or what text is like @param {unknown} value */
const is = (wanted, value) => (wanted instanceof RegExp ? wanted.test(String(value)) : wanted === value);
