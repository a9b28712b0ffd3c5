// @ts-check
/**
 * Runs every case through every peer, and writes the table. Arguments: names of peers, if not all; then it is only printed.
 * @module
 */
import { cases } from "./cases/all.mjs";
import { run } from "./play.mjs";
import { cell, key, write, written } from "./table.mjs";
import { startCaddy } from "./peers/caddy.mjs";
import { startNext } from "./peers/next.mjs";
import { startNginx, startUnbuffered } from "./peers/nginx.mjs";
import { startVestibule } from "./peers/vestibule.mjs";

const PEERS = { nginx: startNginx, unbuffered: startUnbuffered, caddy: startCaddy, next: startNext, vestibule: startVestibule };

const [only, filter] = process.argv.slice(2);
const names = /** @type {(keyof typeof PEERS)[]} */ (only ? only.split(",") : Object.keys(PEERS));
/** @type {import("./table.mjs").Column[]} */
const columns = [];
for (const name of names) {
  const start = PEERS[name];
  if (!start) throw new Error(`there is no peer ${name}: ${Object.keys(PEERS).join(", ")}`);
  const column = await run(start, filter ? (of) => of.includes(filter) : () => true);
  columns.push(column);
  for (const group of cases) {
    for (const { name } of group.cases) {
      const outcome = column.outcomes.get(key(group, name));
      if (outcome) console.log(`${column.name} | ${key(group, name)} | ${cell(outcome)}`);
    }
  }
}
if (!only) write(written(cases, columns, new Date().toISOString().slice(0, 10)));
process.exit();
