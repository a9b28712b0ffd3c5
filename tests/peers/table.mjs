// @ts-check
/**
 * The section of docs/gateway.md: written from outcomes, and read again.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @typedef {import("./case.mjs").Outcome} Outcome
 * @typedef {import("./case.mjs").Group} Group
 * @typedef {{ name: string, version: string, outcomes: Map<string, Outcome> }} Column
 */

const FILE = fileURLToPath(new URL("../../docs/gateway.md", import.meta.url));
const [BEGIN, END] = ["<!-- peers: written by cargo xtask peers -->", "<!-- /peers -->"];

/** Names of cases are known by their group, so that two may be called alike. @type {(group: Group, name: string) => string} */
export const key = (group, name) => `${group.title}: ${name}`;

/** As it stands in a cell. @param {Outcome} outcome */
export const cell = ({ fact, mark }) => escaped(mark ? `**${mark}**: ${fact}` : fact);

/** @param {string} name @param {string} [rule] */
const titled = (name, rule) => escaped(rule ? `${name}; ${rule}` : name);

/** @param {string} text */
const escaped = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** @param {string[]} cells */
const row = (cells) => `| ${cells.join(" | ")} |`;

/** The tables, one a group.
 * @param {Group[]} groups
 * @param {Column[]} columns
 * @param {string} date */
export function written(groups, columns, date) {
  // Two settings of one program have one version.
  const programs = columns.filter(({ name }) => !name.includes(","));
  const versions = programs.map(({ name, version }) => `${name} ${version}`).join(", ");
  const tables = groups.flatMap((group) => [
    `### ${group.title}`,
    "",
    group.about,
    "",
    row(["", ...columns.map(({ name }) => name)]),
    row(["---", ...columns.map(() => "---")]),
    ...group.cases.map(({ name, rule }) => {
      const outcomes = columns.map(({ outcomes }) => outcomes.get(key(group, name)));
      const title = titled(name, rule);
      return row([title, ...outcomes.map((outcome) => (outcome ? cell(outcome) : ""))]);
    }),
    "",
  ]);
  return [`Run on ${date} with ${versions}.`, "", ...tables].join("\n");
}

/** Puts the tables between the marks of docs/gateway.md. @param {string} text */
export function write(text) {
  const [before, after] = around(readFileSync(FILE, "utf8"));
  writeFileSync(FILE, `${before}${BEGIN}\n\n${text}\n${END}${after}`);
}

/** What docs/gateway.md says of one peer: cells by case.
 * @param {Group[]} groups
 * @param {string} peer
 * @returns {Map<string, string>} */
export function read(groups, peer) {
  const text = readFileSync(FILE, "utf8");
  /** @type {[string, string][]} */
  const cells = groups.flatMap((group) => {
    const [, part = ""] = text.split(`### ${group.title}\n`);
    const rows = part.split("\n### ")[0].split("\n").filter((line) => line.startsWith("| ")).map(split);
    const column = rows[0]?.indexOf(peer) ?? -1;
    return group.cases.map(({ name, rule }) => {
      const title = titled(name, rule);
      return /** @type {[string, string]} */ ([key(group, name), rows.find(([first]) => first === title)?.[column] ?? ""]);
    });
  });
  return new Map(cells);
}

/** @param {string} line */
const split = (line) => line.slice(2, -2).split(/ \| /);

/** @param {string} text */
function around(text) {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${FILE} has no ${BEGIN} … ${END}`);
  return [before, after];
}
