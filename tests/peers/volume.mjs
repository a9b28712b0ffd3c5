// @ts-check
/**
 * Much of the same byte.
 * @module
 */
import { pause } from "./wire.mjs";

/** @typedef {import("./wire.mjs").Wire} Wire */

export const MIB = 1 << 20;

const BLOCK = Buffer.alloc(256 * 1024, "x");

/** Sends `size` bytes, block by block; how many went before the other side would take no more.
 * @param {Wire} wire
 * @param {number} size
 * @param {(block: Buffer) => Buffer} framed
 * @param {number} [ms] for each block */
export async function pour(wire, size, framed = (block) => block, ms = 4000) {
  let sent = 0;
  while (sent < size) {
    const done = await Promise.race([wire.send(framed(BLOCK)), pause(ms).then(() => false)]);
    if (!done) break;
    sent += BLOCK.length;
  }
  return sent;
}

/** In classes, so that every machine says the same: what the system itself buffers is no fact. @param {number} mib */
export function upTo(mib) {
  const most = [64, 256].find((most) => mib < most);
  return most ? `less than ${most} MiB` : "256 MiB or more";
}
