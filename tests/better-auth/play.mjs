// @ts-check
/**
 * All scenarios on one server, in turn.
 * @module
 */
import { scenarios } from "./scenarios/all.mjs";
import { stageOf } from "./stage.mjs";
import { clients } from "./versions.mjs";

/** @typedef {import("./stage.mjs").Step} Step */

/** What was seen. A scenario that could not go on to its end ends with a step that says why.
 * @param {{ version: import("./versions.mjs").Version, start: (options: { isLimited: boolean }) => Promise<import("./programs.mjs").Server> }} column
 * @returns {Promise<Step[]>} */
export async function play({ version, start }) {
  const client = await clients(version);
  const numbered = scenarios.map((scenario, index) => ({ ...scenario, number: index + 1 }));
  /** @type {Step[]} */
  const steps = [];
  // Those that guess have a server of their own, where they stop nobody else.
  for (const isLimited of [false, true]) {
    const { site, api, tick, end } = await start({ isLimited });
    try {
      for (const { name, run, number } of numbered.filter((one) => (one.isLimited ?? false) === isLimited)) {
        const stage = stageOf({ site, api, tick, client }, name, number);
        await run(stage).catch((/** @type {Error} */ error) => stage.find("the scenario", "goes on to its end", error.message, "yes"));
        steps.push(...stage.steps);
        stage.end();
      }
    } finally {
      await end();
    }
  }
  return steps;
}
