import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));
const read = (name: string) => readFileSync(join(PACKAGE, name), "utf8");
const manifest = JSON.parse(read("package.json")) as Record<string, unknown> & { exports: Record<string, { types: string; default: string } | string> };

test("what is published is the built modules with their types, the README and the licence", () => {
  const options = { cwd: PACKAGE, encoding: "utf8", stdio: "pipe" } as const;
  const said = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], options)) as unknown;
  // A list, or since npm 11 an object with a member for each package.
  const [packed] = Object.values(said as object) as { files: { path: string }[] }[];
  const paths = (packed?.files ?? []).map(({ path }) => path);
  const modules = paths.filter((path) => /^dist\/[a-z-]+\.js$/.test(path));
  const others = paths.filter((path) => !path.startsWith("dist/"));
  assert.deepEqual(others.sort(), ["LICENSE", "README.md", "package.json"]);
  assert.equal(paths.length - others.length, 2 * modules.length);
  for (const module of modules) assert.ok(paths.includes(module.replace(/js$/, "d.ts")), module);
});

test("t_7_it_is_for_next_16_and_react_19_and_brings_nothing_along", () => {
  assert.deepEqual(manifest.peerDependencies, { next: ">=16 <17", react: ">=19" });
  for (const kind of ["dependencies", "optionalDependencies", "bundledDependencies"]) assert.equal(manifest[kind], undefined, kind);
  assert.equal(manifest.type, "module");
});

test("each part has its types, and what is for one side alone says so", () => {
  const { "./package.json": _, ...parts } = manifest.exports;
  assert.deepEqual(Object.keys(parts), ["./server", "./client", "./proxy", "./config"]);
  for (const [name, part] of Object.entries(parts)) {
    assert.ok(typeof part === "object");
    for (const path of [part.types, part.default]) assert.ok(read(path).length > 0, name);
  }
  assert.match(read("dist/server.js"), /^import "server-only";$/m, "T1");
  // What is said to have no effect is left out, and that import with it.
  assert.deepEqual(manifest.sideEffects, ["./dist/server.js"]);
  for (const name of ["client", "session-sync", "use-forms", "use-session"]) assert.match(read(`dist/${name}.js`), /^"use client";/, name);
});
