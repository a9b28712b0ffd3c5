// @ts-check
/**
 * docs/nextjs.md, followed to the letter in a fresh app of create-next-app's: its commands are run, its files written, and a
 * protected page is reached in Chromium. Ports are exchanged for free ones, and the package comes from here instead of the registry.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { open } from "../browser/harness.mjs";
import { ada, field, submitRegistration } from "../browser/people.mjs";
import { BUILD } from "../browser/servers.mjs";
import { MODE, freePort } from "./servers.mjs";

const HERE = import.meta.dirname;
const run = promisify(execFile);

/** The guide's blocks below a heading, in order. @param {string} guide @param {string} heading */
function below(guide, heading) {
  const section = guide.split(/^## /m).find((text) => text.startsWith(heading));
  assert.ok(section, heading);
  return [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, kind, text]) => ({ kind, text }));
}

/** Everything that a section says, in a shell. */
class Reader {
  /** @type {import("node:child_process").ChildProcess[]} */
  #running = [];

  /** @param {string} folder of the app @param {NodeJS.ProcessEnv} env */
  constructor(folder, env) {
    this.folder = folder;
    this.env = env;
  }

  /** Runs a block; if `isReady` says so of what it printed, it goes on running.
   * @param {string} text @param {RegExp} [isReady] */
  async runs(text, isReady) {
    const shell = spawn("sh", ["-ec", text], { cwd: this.folder, env: this.env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    this.#running.push(shell);
    let said = "";
    const ended = once(shell, "exit");
    const ready = new Promise((resolve) => {
      for (const output of [shell.stdout, shell.stderr]) {
        output.setEncoding("utf8").on("data", (more) => {
          said += more;
          if (isReady?.test(said)) resolve(undefined);
        });
      }
    });
    if (isReady) {
      await Promise.race([ready, ended.then(() => Promise.reject(new Error(`${text} ended early:\n${said}`)))]);
      return said;
    }
    const [code] = await ended;
    assert.equal(code, 0, `${text}\n${said}`);
    return said;
  }

  /** @param {string} text */
  async writes(text) {
    const [, name] = /^\/\/ (\S+)\n/.exec(text) ?? [];
    await mkdir(dirname(join(this.folder, name)), { recursive: true });
    await writeFile(join(this.folder, name), text);
  }

  async ends() {
    for (const shell of this.#running) {
      if (!shell.pid || shell.exitCode !== null) continue;
      process.kill(-shell.pid, "SIGKILL");
      await once(shell, "exit");
    }
    this.#running = [];
  }
}

// Once is enough: it is the development server's by itself.
if (MODE === "dev") {
  /** @type {string} */ let home;
  /** @type {Reader} */ let reader;
  /** @type {Record<string, string>} */ let ports;
  /** @type {string} */ let guide;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), "vestibule-guide-"));
    const [site, ui, gateway] = [await freePort(), await freePort(), await freePort()].map(String);
    ports = { 3000: site, 3001: ui, 4000: gateway };
    guide = (await readFile(join(HERE, "../../docs/nextjs.md"), "utf8")).replace(/\b(?:3000|3001|4000)\b/g, (port) => ports[port]);
    const { stdout: packed } = await run("npm", ["pack", "--silent", "--pack-destination", home], { cwd: join(HERE, "../../packages/next") });
    // The package is not in the registry yet.
    const npm = `#!/bin/sh\nfor word; do shift; case "$word" in @vestibule/next) word="${join(home, packed.trim())}";; esac; set -- "$@" "$word"; done\nPATH="$OUTER" exec npm "$@"\n`;
    await mkdir(join(home, "bin"));
    await writeFile(join(home, "bin/npm"), npm);
    await chmod(join(home, "bin/npm"), 0o755);
    const PATH = [join(home, "bin"), BUILD, process.env.PATH].join(delimiter);
    const env = {
      PATH,
      OUTER: process.env.PATH,
      HOME: home,
      NEXT_TELEMETRY_DISABLED: "1",
      VESTIBULE_YES: "true",
      VESTIBULE_DATA: join(home, "data"),
      VESTIBULE_SITE_LISTEN: `127.0.0.1:${site}`,
      VESTIBULE_API_LISTEN: "127.0.0.1:0",
      VESTIBULE_URL: `http://localhost:${site}`,
    };
    const make = ["--yes", "create-next-app@16.4.3", "app", "--ts", "--app", "--empty", "--no-src-dir", "--no-tailwind", "--no-eslint", "--use-npm", "--skip-install", "--disable-git", "--yes"];
    await run("npx", make, { cwd: home });
    reader = new Reader(join(home, "app"), env);
  });
  after(async () => {
    await reader?.ends();
    await rm(home, { recursive: true, force: true });
  });

  /** A person registers, signs in at the app's own page, sees the protected one, and leaves.
   * @param {import("../browser/people.mjs").Person} person */
  async function comesIn(person) {
    const { page, context } = await open(`http://localhost:${ports[3000]}`, {});
    context.setDefaultTimeout(30_000);
    await page.goto("/dashboard");
    await page.getByRole("heading", { level: 1, name: "Welcome" }).waitFor();
    await page.goto("/register");
    await submitRegistration(page, person);
    await page.getByRole("heading", { level: 1, name: "Welcome" }).waitFor();
    await page.goto("/dashboard");
    await field(page, "Username").fill(person.username);
    await field(page, "Password").fill(person.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: person.name }).waitFor();
    await page.getByText(person.email).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { level: 1, name: "Welcome" }).waitFor();
    await context.close();
  }

  test("A: a fresh app has a protected page, by the guide", { timeout: 240_000 }, async () => {
    const blocks = below(guide, "A: ");
    const commands = blocks.filter(({ kind }) => kind === "sh").map(({ text }) => text);
    const [prepare, next, vestibule, gateway] = commands;
    assert.equal(commands.length, 4);
    const said = await reader.runs(prepare);
    assert.match(said, /\+import \{ SessionSync \}/);
    for (const { kind, text } of blocks) if (kind === "tsx") await reader.writes(text);
    await reader.runs(next, /Ready in/);
    await reader.runs(vestibule, /Next:/);
    await comesIn(ada);
    assert.match(gateway, /^vestibule gateway --api \S+ --ui \S+$/m);
    await reader.ends();
  });

  test("B: the same app in front of the gateway, by the guide", { timeout: 240_000 }, async () => {
    const [prepare, vestibule, next] = below(guide, "B: ").map(({ text }) => text);
    const said = await reader.runs(prepare);
    assert.match(said, /withVestibule\(nextConfig\)/);
    await reader.runs(vestibule, /Next:/);
    await reader.runs(next.replace("npx next dev", `npx next dev --port ${ports[3000]}`), /Ready in/);
    await comesIn({ ...ada, name: "Grace Hopper", username: "grace", email: "grace@example.com" });
    await reader.ends();
  });
}
