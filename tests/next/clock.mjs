// @ts-check
/**
 * Loaded into Next.js before anything else (`node --import`): its clock goes by as many milliseconds ahead as the file says that
 * `VESTIBULE_NEXT_CLOCK` names. A gateway whose clock a test moves signs identities of that time.
 * @module
 */
import { openSync, readSync } from "node:fs";

const file = openSync(String(process.env.VESTIBULE_NEXT_CLOCK), "r");
const digits = Buffer.alloc(20);
const machine = Date.now;

Date.now = () => machine() + Number(digits.toString("latin1", 0, readSync(file, digits, 0, digits.length, 0)));
