// @ts-check
/**
 * The last column of the table in docs/gateway.md is true.
 * @module
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { cases } from "./cases/all.mjs";
import { startVestibule } from "./peers/vestibule.mjs";
import { theatre } from "./play.mjs";
import { cell, key, read } from "./table.mjs";

// The cases in which Vestibule is marked in the table. One that is mended leaves this list; none is added without a reason.
/** @type {Set<string>} */
const MARKED = new Set();

const said = read(cases, "Vestibule");
const all = cases.flatMap((group) => group.cases.map((of) => ({ of, key: key(group, of.name) })));

/** @type {Awaited<ReturnType<typeof theatre>>} */
let stage;
/** @type {Map<string, Promise<import("./case.mjs").Outcome>>} */
const long = new Map();

before(async () => {
  stage = await theatre(startVestibule);
  // What takes long runs beside the others.
  for (const { of, key } of all.filter(({ of }) => of.isLong)) long.set(key, stage.play(of));
});
after(() => stage.end());

/** @param {(typeof all)[number]} one */
const asSaid = ({ of, key }) =>
  test(key, async () => {
    const outcome = await (long.get(key) ?? stage.play(of));
    assert.equal(cell(outcome), said.get(key), "docs/gateway.md says something else; cargo xtask peers writes it anew");
  });

all.filter(({ of }) => !of.isLong && !of.isLast).forEach(asSaid);
all.filter(({ of }) => of.isLong).forEach(asSaid);
// They take everything along.
all.filter(({ of }) => of.isLast).forEach(asSaid);

test("Vestibule has no mark but those that are known", () => {
  const marked = [...said].filter(([, cell]) => cell.startsWith("**")).map(([key]) => key);
  assert.deepEqual(new Set(marked), MARKED);
});
