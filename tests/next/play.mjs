// @ts-check
/** The journeys of a design. */
import { play } from "./journey.mjs";
import { MODE } from "./servers.mjs";

/** With the development server the first five, and what it alone has. */
const PARTS = {
  start: ["first", "expiry", "signout", "outage", "cookies", "visitors", "foreign", "forms", "several", "watch"],
  dev: ["first", "hot-update"],
};

/** @param {import("./servers.mjs").Design} design */
export async function playAll(design) {
  for (const part of PARTS[MODE]) await import(`./${part}.mjs`);
  play(design);
}
