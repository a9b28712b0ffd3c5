// @ts-check
/** The gateway in front of Next.js. */
import { play } from "./play.mjs";

await play("a");
