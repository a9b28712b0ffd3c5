// @ts-check
/** Every case, in the order of the table. @module */
import { framing } from "./framing.mjs";
import { headers } from "./headers.mjs";
import { paths } from "./paths.mjs";

/** @type {import("../case.mjs").Group[]} */
export const cases = [headers, framing, paths];
