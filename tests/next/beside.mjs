// @ts-check
/**
 * Loaded into Next.js before anything else (`node --import`).
 *
 * Its clock goes by as many milliseconds ahead as the file says that `VESTIBULE_NEXT_CLOCK` names: a gateway whose clock a test moves
 * signs identities of that time. It ends when its standard input does, so that no server is left when a test's process is killed.
 * @module
 */
import { openSync, readSync } from "node:fs";

const file = openSync(String(process.env.VESTIBULE_NEXT_CLOCK), "r");
const digits = Buffer.alloc(20);
const machine = Date.now;

Date.now = () => machine() + Number(digits.toString("latin1", 0, readSync(file, digits, 0, digits.length, 0)));

process.stdin.once("end", () => process.exit()).once("error", () => process.exit()).resume();
// A program that has nothing else to do ends all the same.
/** @type {import("node:net").Socket} */ (process.stdin).unref?.();
