// @ts-check
/**
 * Plays the journeys in one design, one after the other, on one site: Next.js in front of a gateway has the gateway's address built in,
 * so there can be one of these at a time.
 * @module
 */
import { setDesign } from "./journey.mjs";
import { MODE } from "./servers.mjs";

/** With the development server the first five, and what it alone has. */
const PARTS = {
  start: ["first", "expiry", "signout", "outage", "cookies", "visitors", "foreign", "forms"],
  dev: ["first", "hot-update"],
};

/** @param {import("./servers.mjs").Design} design */
export async function play(design) {
  setDesign(design);
  for (const part of PARTS[MODE]) await import(`./${part}.mjs`);
}
