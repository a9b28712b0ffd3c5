// @ts-check
/** Every case, in the order of the table. @module */
import { downloads } from "./downloads.mjs";
import { failures } from "./failures.mjs";
import { framing } from "./framing.mjs";
import { headers } from "./headers.mjs";
import { http2 } from "./http2.mjs";
import { paths } from "./paths.mjs";
import { sockets } from "./sockets.mjs";
import { streams } from "./streams.mjs";
import { uploads } from "./uploads.mjs";

/** @type {import("../case.mjs").Group[]} */
export const cases = [streams, uploads, downloads, sockets, headers, framing, http2, paths, failures];
