// @ts-check
/**
 * Plays everything and writes docs/compatibility.md. Differences that no note explains are printed, and nothing is written.
 * @module
 */
import { playAll, unexplained } from "./columns.mjs";
import { write, written } from "./table.mjs";

const { columns } = await playAll();
const surprises = columns.flatMap((column) => unexplained(column).map((text) => `${column.version}, ${column.api} API: ${text}`));
surprises.forEach((text) => console.error(text));
if (surprises.length === 0) write(written(columns));
process.exit(surprises.length === 0 ? 0 : 1);
