// @ts-check
/**
 * The guides, followed to the letter in fresh apps of create-next-app's: docs/nextjs.md, docs/nextjs-direct.md and the package's README.
 * Their commands are run, their files written, and protected pages are reached in Chromium. Ports are exchanged for free ones, and the package
 * comes from here instead of the registry. The apps are made from what is installed, without a network; what they depend on comes from npm's
 * cache, if it is there.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { CLEARING, close, open } from "../browser/harness.mjs";
import { ada, enrol, field, grace, seesLogin, submitLogin, submitRegistration } from "../browser/people.mjs";
import { BUILD } from "../browser/servers.mjs";
import { Reader, below, blocksOf } from "./reader.mjs";
import { MODE, freePort } from "./servers.mjs";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const CREATE = join(TOP, "tests/browser/node_modules/create-next-app/dist/index.js");
const CHOICES = ["--ts", "--app", "--empty", "--no-src-dir", "--no-tailwind", "--no-eslint", "--use-npm", "--skip-install", "--disable-git", "--yes"];
const run = promisify(execFile);

/** A client component with what is for the server alone (contract: Next.js, T1). */
const WRONG = `// app/wrong/page.tsx
"use client"

import { getSession } from "@vestibule/next/server"

export default function Page() {
  return <button onClick={() => getSession()}>Who am I?</button>
}
`;

/** The blocks that are commands, and those that are files. @param {string} text */
function parts(text) {
  const blocks = blocksOf(text);
  return { commands: blocks.filter(({ kind }) => kind === "sh").map(({ text }) => text), files: blocks.filter(({ kind }) => kind !== "sh") };
}

// Once is enough: both of Next.js's servers are in it.
if (MODE === "dev") {
  /** @type {string} */ let home;
  /** @type {NodeJS.ProcessEnv} */ let env;
  /** @type {Record<string, string>} By the port in the guides. */ let ports;
  /** @type {Reader} Of A, the README and B. */ let reader;
  /** @type {Reader | undefined} Of the brief's pages, and of C. */ let other;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), "vestibule-guide-"));
    const free = [];
    for (const port of ["3000", "3001", "4000", "8000"]) free.push([port, String(await freePort())]);
    ports = Object.fromEntries(free);
    const { stdout: packed } = await run("npm", ["pack", "--silent", "--pack-destination", home], { cwd: join(TOP, "packages/next") });
    const { stdout: cache } = await run("npm", ["config", "get", "cache"]);
    // The package is not in the registry yet.
    const npm = `#!/bin/sh\nfor word; do shift; case "$word" in @vestibule/next) word="${join(home, packed.trim())}";; esac; set -- "$@" "$word"; done\nPATH="$OUTER" exec npm "$@"\n`;
    await mkdir(join(home, "bin"));
    await writeFile(join(home, "bin/npm"), npm);
    await chmod(join(home, "bin/npm"), 0o755);
    env = {
      PATH: [join(home, "bin"), BUILD, process.env.PATH].join(delimiter),
      OUTER: process.env.PATH,
      HOME: home,
      PORT: ports[3000],
      NEXT_TELEMETRY_DISABLED: "1",
      npm_config_cache: cache.trim(),
      npm_config_prefer_offline: "true",
      VESTIBULE_YES: "true",
      VESTIBULE_DATA: join(home, "data"),
      VESTIBULE_SITE_LISTEN: `127.0.0.1:${ports[3000]}`,
      VESTIBULE_API_LISTEN: `127.0.0.1:${ports[8000]}`,
      VESTIBULE_URL: `http://localhost:${ports[3000]}`,
    };
    reader = await fresh("app");
  });
  afterEach(async () => {
    await reader?.ends();
    await other?.ends();
  }, CLEARING);
  after(async () => {
    await rm(home, { recursive: true, force: true });
  }, CLEARING);

  /** A new app, made where no registry can be reached.
   * @param {string} name */
  async function fresh(name) {
    const offline = { PATH: env.PATH, HOME: home, npm_config_registry: "http://127.0.0.1:9/" };
    await run(process.execPath, [CREATE, name, ...CHOICES], { cwd: home, env: offline });
    return new Reader(join(home, name), env);
  }

  /** A guide, with the ports of this run. @param {string} path */
  async function guide(path) {
    return (await readFile(join(TOP, path), "utf8")).replace(/\b(?:3000|3001|4000|8000)\b/g, (port) => ports[port]);
  }

  /** A browser on the site.
   * @param {(page: import("../browser/harness.mjs").Page) => Promise<void>} visit */
  async function inABrowser(visit) {
    const { page, context } = await open(`http://localhost:${ports[3000]}`, {});
    // The development server compiles a page when it is first asked for.
    context.setDefaultTimeout(30_000);
    try {
      await visit(page);
    } catch (error) {
      throw new Error(`at ${page.url()}: ${await page.locator("body").innerText()}`, { cause: error });
    }
    await close(context);
  }

  /** @param {import("../browser/harness.mjs").Page} page */
  const seesWelcome = (page) => page.getByRole("heading", { level: 1, name: "Welcome" }).waitFor();

  /** @param {import("../browser/harness.mjs").Page} page @param {{ name: string }} person */
  const sees = (page, { name }) => page.getByRole("heading", { level: 1, name }).waitFor();

  /** Signs in by the form that the guides show.
   * @param {import("../browser/harness.mjs").Page} page
   * @param {import("../browser/people.mjs").Person} person */
  async function signsIn(page, { username, password }) {
    await field(page, "Username").fill(username);
    await field(page, "Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  /** A person registers, signs in at the app's own page, sees the protected one, and leaves.
   * @param {import("../browser/people.mjs").Person} person */
  const comesIn = (person) =>
    inABrowser(async (page) => {
      await page.goto("/dashboard");
      await seesWelcome(page);
      await page.goto("/register");
      await submitRegistration(page, person);
      await seesWelcome(page);
      await page.goto("/dashboard");
      await signsIn(page, person);
      await sees(page, person);
      await page.getByText(person.email).waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await seesWelcome(page);
    });

  test("A: a fresh app has a protected page", { timeout: 240_000 }, async () => {
    const { commands, files } = parts(below(await guide("docs/nextjs.md"), "A: "));
    const [prepare, next, vestibule, doctor] = commands;
    assert.match(await reader.runs(prepare), /\+import \{ SessionSync \}/);
    for (const file of files) await reader.writes(file);
    await reader.starts(next, /Ready in/);
    await reader.starts(vestibule, /Next:/);
    assert.match(await reader.runs(doctor), /ok +\/dashboard sends strangers to sign in/);
    await comesIn(ada);
  });

  test("the package's README: each block, in the same app", { timeout: 240_000 }, async () => {
    const { commands, files } = parts(await guide("packages/next/README.md"));
    assert.deepEqual(commands, []);
    for (const file of files) await reader.writes(file);
    const [, next, vestibule] = parts(below(await guide("docs/nextjs.md"), "A: ")).commands;
    await reader.starts(next, /Ready in/);
    await reader.starts(vestibule, /Next:/);
    await inABrowser(async (page) => {
      await page.goto("/devices");
      await seesWelcome(page);
      await page.goto("/enter");
      await signsIn(page, { ...ada, password: "not the password" });
      await page.getByText("Invalid username or password").waitFor();
      await signsIn(page, ada);
      await page.getByRole("heading", { level: 1, name: `Devices of ${ada.name}` }).waitFor();
      await page.getByText("this one").waitFor();
      const answer = await page.request.get("/devices/export");
      assert.equal(answer.status(), 200);
      assert.equal((await answer.json()).data.length, 1);
      await page.context().clearCookies();
      assert.equal((await page.request.get("/devices/export")).status(), 401);
    });
  });

  test("A: built for production, in front of an API that is there already", { timeout: 300_000 }, async () => {
    const [, , , doctor, gateway, next, ...more] = parts(below(await guide("docs/nextjs.md"), "A: ")).commands;
    assert.deepEqual(more, []);
    await reader.starts("vestibule api", /docs/);
    await reader.starts(next, /Ready in/);
    await reader.starts(gateway, /Next:/);
    await reader.runs(doctor);
    await comesIn({ ...ada, username: "adaagain", email: "adaagain@example.com" });
  });

  test("A: as a standalone server, and without what is for servers alone in a browser", { timeout: 300_000 }, async () => {
    const config = join(reader.folder, "next.config.ts");
    const before = await readFile(config, "utf8");
    await writeFile(config, before.replace("NextConfig = {", 'NextConfig = {\n  output: "standalone",'));
    await reader.writes({ kind: "tsx", text: WRONG });
    await assert.rejects(reader.runs("npx next build"), /server-only/);
    await rm(join(reader.folder, "app/wrong"), { recursive: true });
    await reader.runs("npx next build");
    const [, , vestibule, doctor] = parts(below(await guide("docs/nextjs.md"), "A: ")).commands;
    await reader.starts("node .next/standalone/server.js", /Ready in/, { PORT: ports[3001], HOSTNAME: "127.0.0.1" });
    await reader.starts(vestibule, /Next:/);
    await reader.runs(doctor);
    await comesIn({ ...ada, username: "adaalone", email: "adaalone@example.com" });
    await writeFile(config, before);
  });

  test("B: the same app in front of the gateway", { timeout: 240_000 }, async () => {
    const [prepare, vestibule, next, doctor, believing, ...more] = parts(below(await guide("docs/nextjs.md"), "B: ")).commands;
    assert.deepEqual(more, []);
    assert.match(await reader.runs(prepare), /withVestibule\(nextConfig\)/);
    const gateway = await reader.starts(vestibule, /Next:/);
    await reader.starts(next, /Ready in/);
    await reader.runs(doctor);
    await comesIn(grace);

    // What is said of addresses: Next.js passes on what a client says, and names the client otherwise.
    const claims = async (/** @type {string} */ path) =>
      fetch(`http://localhost:${ports[3000]}${path}`, { headers: { "x-forwarded-for": "203.0.113.9" } });
    const seenFrom = (/** @type {string} */ log, /** @type {string} */ path) => {
      const line = log.split("\n").find((line) => line.includes(path));
      return /client\.address"?[=:]"?([^\s",]+)/.exec(line ?? "")?.[1];
    };
    await claims("/api/v1/unbelieved");
    await gateway.ends();
    assert.match(seenFrom(gateway.said(), "/unbelieved") ?? "", /^(127\.0\.0\.1|::1)$/);
    const again = await reader.starts(believing, /Next:/);
    await claims("/api/v1/believed");
    await fetch(`http://localhost:${ports[3000]}/api/v1/unsaid`);
    await again.ends();
    assert.equal(seenFrom(again.said(), "/believed"), "203.0.113.9");
    assert.match(seenFrom(again.said(), "/unsaid") ?? "", /^(127\.0\.0\.1|::1)$/);
  });

  test("the brief's own pages, on actions and calls of the same names on top of the package", { timeout: 300_000 }, async () => {
    other = await fresh("brief");
    const [before, brief] = [join(TOP, "examples/nextjs-before"), join(TOP, "packages/next/test/brief")];
    for (const name of ["app", "src", "tsconfig.json"]) await cp(join(before, name), join(other.folder, name), { recursive: true });
    for (const gone of ["app/api", "src/lib", "src/env.ts"]) await rm(join(other.folder, gone), { recursive: true });
    await mkdir(join(other.folder, "src/lib"));
    for (const [name, at] of [["auth.ts", "src/actions"], ["api-with-auth.ts", "src/lib"]]) await cp(join(brief, name), join(other.folder, at, name));
    // Its pages are older than cacheComponents, which new apps have.
    await writeFile(join(other.folder, "next.config.ts"), "export default {};\n");
    const [, , vestibule, , , next] = parts(below(await guide("docs/nextjs.md"), "A: ")).commands;
    await other.runs("npm install @vestibule/next");
    await other.starts(next, /Ready in/);
    await other.starts(vestibule, /Next:/);
    const person = { ...ada, username: "adabefore", email: "adabefore@example.com" };
    await inABrowser(async (page) => {
      await page.goto("/register", { waitUntil: "networkidle" });
      await submitRegistration(page, person);
      await sees(page, person);
      await page.getByRole("button", { name: "Sign out" }).click();
      await seesLogin(page);
      await submitLogin(page, person.username, "not the password");
      await page.getByText("Invalid username or password").waitFor();
      await submitLogin(page, person.username, person.password);
      await sees(page, person);
      await page.getByRole("button", { name: "Sign out" }).click();
      await seesLogin(page);
      await page.goto("/dashboard");
      await seesLogin(page);
    });
  });

  test("C: without a gateway", { timeout: 240_000 }, async () => {
    const { commands, files } = parts(await guide("docs/nextjs-direct.md"));
    other = await fresh("direct");
    await other.runs("npm install --no-audit --no-fund");
    for (const file of files) await other.writes(file);
    const api = await other.starts("vestibule api", /docs/);
    await other.starts(commands.join(""), /Ready in/);
    const person = { ...ada, username: "adadirect", email: "adadirect@example.com" };
    await enrol(`http://localhost:${ports[8000]}/api/v1`, person);
    await inABrowser(async (page) => {
      const forget = (/** @type {string} */ name) => page.context().clearCookies({ name });
      await page.goto("/dashboard");
      await seesWelcome(page);
      await signsIn(page, { ...person, password: "not the password" });
      await page.getByText("Username or password is wrong.").waitFor();
      await signsIn(page, person);
      await sees(page, person);
      // The cookie's end is the token's.
      await forget("access_token");
      await page.reload();
      await sees(page, person);
      await forget("access_token");
      const tab = await page.context().newPage();
      await Promise.all([page.reload(), tab.goto("/dashboard")]);
      await Promise.all([sees(page, person), sees(tab, person)]);
      const copied = (await page.context().cookies()).find(({ name }) => name === "refresh_token");
      assert.ok(copied);
      await page.getByRole("button", { name: "Sign out" }).click();
      await seesWelcome(page);
      assert.deepEqual(await page.context().cookies(), []);
      const refresh = { method: "POST", headers: { cookie: `refresh_token=${copied.value}` } };
      assert.equal((await fetch(`http://localhost:${ports[8000]}/api/v1/refresh`, refresh)).status, 401, "the API has heard of it");
      await page.goto("/dashboard");
      await seesWelcome(page);
      await signsIn(page, person);
      await sees(page, person);
      await api.ends();
      await forget("access_token");
      assert.equal((await page.goto("/dashboard"))?.status(), 503);
      assert.ok((await page.context().cookies()).some(({ name }) => name === "refresh_token"), "nobody is signed out by an outage");
    });
  });
}
