// @ts-check
/** Every case, in the order of the table. @module */
import { downloads } from "./downloads.mjs";
import { framing } from "./framing.mjs";
import { headers } from "./headers.mjs";
import { paths } from "./paths.mjs";
import { streams } from "./streams.mjs";
import { uploads } from "./uploads.mjs";

/** @type {import("../case.mjs").Group[]} */
export const cases = [streams, uploads, downloads, headers, framing, paths];
