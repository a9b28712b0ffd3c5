// @ts-check
/** Next.js in front of the gateway. */
import { play } from "./play.mjs";

await play("b");
