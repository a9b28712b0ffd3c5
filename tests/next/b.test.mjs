// @ts-check
/** Next.js in front of the gateway. */
import { playAll } from "./play.mjs";

await playAll("b");
