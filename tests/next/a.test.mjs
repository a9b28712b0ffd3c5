// @ts-check
/** The gateway in front of Next.js. */
import { playAll } from "./play.mjs";

await playAll("a");
