// @ts-check
/**
 * One peer plays every case.
 * @module
 */
import { cases } from "./cases/all.mjs";
import { fault, stageOf } from "./case.mjs";
import { key } from "./table.mjs";
import { startUpstream } from "./upstream.mjs";

/**
 * @typedef {import("./case.mjs").Case} Case
 * @typedef {import("./case.mjs").Outcome} Outcome
 * @typedef {(port: number, upstream: import("./upstream.mjs").Upstream) => Promise<import("./programs.mjs").Peer>} Start
 */

/** A peer with an application behind it, that plays one case at a time.
 * @param {Start} start */
export async function theatre(start) {
  const upstream = await startUpstream();
  const peer = await start(upstream.port, upstream);
  /** @param {Case} of */
  const play = async (of) => {
    const stage = stageOf(peer, upstream);
    // What takes long runs beside others.
    if (!of.isLong) upstream.clear();
    try {
      return await of.run(stage);
    } catch (error) {
      return fault(`the case itself broke: ${error instanceof Error ? error.message : error}`);
    } finally {
      stage.end();
    }
  };
  const end = async () => {
    await peer.end();
    upstream.end();
  };
  return { peer, play, end };
}

/** Plays all cases that are `wanted`: what takes long beside the others, failures last, since they take everything along.
 * @param {Start} start
 * @param {(key: string) => boolean} wanted
 * @returns {Promise<import("./table.mjs").Column>} */
export async function run(start, wanted) {
  const { peer, play, end } = await theatre(start);
  /** @type {Map<string, Outcome>} */
  const outcomes = new Map();
  const all = cases.flatMap((group) => group.cases.map((of) => ({ of, key: key(group, of.name) })));
  const chosen = all.filter(({ key }) => wanted(key));
  const long = chosen.filter(({ of }) => of.isLong).map(async ({ of, key }) => outcomes.set(key, await play(of)));
  const short = chosen.filter(({ of }) => !of.isLong);
  for (const { of, key } of short.filter(({ of }) => !of.isLast)) outcomes.set(key, await play(of));
  await Promise.all(long);
  for (const { of, key } of short.filter(({ of }) => of.isLast)) outcomes.set(key, await play(of));
  await end();
  return { name: peer.name, version: peer.version, outcomes };
}
