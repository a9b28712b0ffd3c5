import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));

const OPTIONS = {
  strict: true,
  verbatimModuleSyntax: true,
  jsx: "react-jsx",
  target: "es2023",
  module: "esnext",
  moduleResolution: "bundler",
  lib: ["es2023", "dom"],
  types: ["node"],
  skipLibCheck: true,
  noEmit: true,
};

// They are run by tests/next/guide.test.mjs.
test("every block of the README compiles as an app of its own would", (t) => {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const files = [...readme.matchAll(/^```tsx?\n\/\/ (\S+)\n(.*?)^```$/gms)];
  assert.equal(files.length, 5, "the README has its files");
  const folder = mkdtempSync(join(PACKAGE, "build/readme-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [, name = "", text = ""] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: OPTIONS, include: ["."] }));
  try {
    execFileSync("npx", ["--no-install", "tsc", "--project", folder], { cwd: PACKAGE, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
});
