// @ts-check
/**
 * docs/compatibility.md: written from what was seen, and read again.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { verdict } from "./columns.mjs";
import { ANY, NOTES } from "./differences.mjs";
import { NEWEST, VERSIONS, patch } from "./versions.mjs";

/** @typedef {import("./columns.mjs").Played} Played */

const FILE = fileURLToPath(new URL("../../docs/compatibility.md", import.meta.url));

/** The document. @param {Played[]} columns */
export function written(columns) {
  const calls = [...new Set(columns.flatMap(({ steps }) => steps.map(({ call }) => call)))];
  const seen = new Set(columns.flatMap(({ findings }) => findings.flatMap(({ claims }) => claims.map(({ note }) => note))));
  const notes = NOTES.filter((note) => seen.has(note));
  const [everywhere, numbered] = [notes.filter(isEverywhere), notes.filter((note) => !isEverywhere(note))];
  const heads = columns.map(({ version, api }) => `${patch(version)}${api === "own" ? "" : ", FastAPI"}`);
  const rows = calls.map((call) => row([call.includes(" ") ? call : `\`${call}\``, ...columns.map((column) => cell(column, call, numbered))]));
  return `${about(columns)}
What differs wherever it can: ${everywhere.map(({ reason }) => reason).join("; ")}.

${row(["call", ...heads])}
${row(["---", ...heads.map(() => "---")])}
${rows.join("\n")}

## Notes

${numbered.map(({ reason }, index) => `${index + 1}. ${reason}.`).join("\n")}
`;
}

/** What stands above the table. @param {Played[]} columns */
const about = ([{ steps }]) => `<!-- Written by cargo xtask compatibility. -->
# Compatibility with the Better Auth client

For whoever has an application with \`better-auth/client\` and puts Vestibule where the Better Auth server was. The published client, in the newest patch of
each minor version since ${VERSIONS[0]}, is driven through ${steps.length} steps against a Better Auth server of its own version and against Vestibule, and all that it
can see is compared: statuses, codes, messages, the shape of what is answered, cookies, what works afterwards and what no longer does. A difference that
is not among the notes fails \`cargo xtask test\`, and so does a note that nothing bears out.

A column is a version of the client, with Vestibule's identity API behind the gateway. In the last one, ${patch(NEWEST)} meets the gateway in front of a FastAPI backend
(\`tests/fastapi\`) that knows nothing of sessions or new passwords.

- **works**: as Better Auth does, refusals included, but for the notes.
- **same error**: Better Auth, set up with username and password and without mail or other providers, refuses it; so does Vestibule, in the same words.
- **error**: Better Auth does it; the API behind the gateway can't, and the client is told so.

The last rows are requests: \`/ok\` and \`/error\`; calls, methods and paths that nobody knows; and what other sites send, with and without cookies.
`;

/** What became of a call in a column, with the numbers of its notes.
 * @param {Played} column
 * @param {string} call
 * @param {import("./differences.mjs").Note[]} numbered */
function cell(column, call, numbered) {
  const findings = column.findings.filter(({ step }) => step.call === call);
  const isUnder = (/** @type {import("./differences.mjs").Note} */ note) =>
    findings.some(({ claims }) => claims.some((claim) => claim.note === note));
  const numbers = numbered.flatMap((note, index) => (isUnder(note) ? [`[${index + 1}]`] : []));
  return [verdict(column, call), ...numbers].join(" ");
}

/** Of no call in particular. @param {import("./differences.mjs").Note} note */
const isEverywhere = ({ places }) => places.every(([call, what]) => call === ANY && what === ANY);

/** @param {string[]} cells */
const row = (cells) => `| ${cells.join(" | ")} |`;

/** @param {string} text */
export const write = (text) => writeFileSync(FILE, text);

/** What the document says now. */
export const read = () => readFileSync(FILE, "utf8");
