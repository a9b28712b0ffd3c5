// @ts-check
/**
 * What the tests start: Vestibule on a stage, the real binary, a foreign site, and Chromium.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const HERE = fileURLToPath(new URL(".", import.meta.url));
export const BUILD = process.env.VESTIBULE_BUILD ?? fileURLToPath(new URL("../../target/debug", import.meta.url));

/** Only what a program needs: no setting of whoever runs the tests may reach it. */
const ENVIRONMENT = { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR };

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** A running program and its output, line by line.
 * @param {string} program below the build folder, or anywhere
 * @param {string[]} args
 * @param {Record<string, string>} more variables */
function start(program, args, more = {}) {
  const child = spawn(resolve(BUILD, program), args, { env: { ...ENVIRONMENT, ...more }, stdio: ["pipe", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ended early`);
    return value;
  };
  return { child, ended, line };
}

/**
 * The site's and the API's address, and what a test can do to them (crates/vestibule/examples/stage.rs).
 * @typedef {Awaited<ReturnType<typeof startStage>>} Stage
 */

/** Vestibule with a clock that stands still until it is moved. People go to `site`; the gateway itself is at `gateway`.
 * @param {string[]} [args] */
export async function startStage(args = []) {
  const { child, ended, line } = start("examples/stage", args);
  /** @type {{ site: string, gateway: string, api: string, nextKey: string }} */
  const { site, gateway, api, nextKey } = JSON.parse(await line());
  /** @param {string} command */
  const tell = async (command) => {
    child.stdin.write(`${command}\n`);
    const answer = JSON.parse(await line());
    if (answer.error) throw new Error(answer.error);
    return answer;
  };
  return {
    site,
    gateway,
    nextKey,
    api: `${api}/api/v1`,
    /** Moves the clock. @param {number} seconds @returns {Promise<{ now: number }>} */
    advance: (seconds) => tell(`advance ${seconds}`),
    down: () => tell("api down"),
    up: () => tell("api up"),
    /** Delays every answer of the API. @param {number} ms */
    slow: (ms) => tell(`api slow ${ms}`),
    /** How often the API was asked this since `counts` was last called. @param {string} what as in `POST /api/v1/refresh` */
    count: async (what) => /** @type {number} */ ((await tell("api count")).count[what] ?? 0),
    /** Starts another gateway of the site. @returns {Promise<string>} its origin */
    second: async () => (await tell("gateway second")).gateway,
    /** Gives the gateways a new secret; what the one before has sealed, they still open. */
    rotate: () => tell("gateway rotate"),
    end: async () => {
      child.stdin.end("quit\n");
      await ended;
    },
  };
}

/** The binary as people run it, on free ports and in a folder of its own. */
export async function startReal() {
  const data = await mkdtemp(join(tmpdir(), "vestibule-browser-"));
  const ports = ["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];
  const { child, ended, line } = start("vestibule", ["--data", data, "--log", "warn", ...ports]);
  let said = "";
  while (!said.includes("Next:")) said += `${await line()}\n`;
  const [, site] = /Site\s+(\S+)/.exec(said) ?? [];
  const [, api] = /API\s+(\S+)/.exec(said) ?? [];
  const end = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(data, { recursive: true });
  };
  return { site, api, end };
}

/** The brief's FastAPI backend (tests/fastapi), and the program in front of it. */
export async function startFastapi() {
  const data = await mkdtemp(join(tmpdir(), "vestibule-browser-"));
  const top = fileURLToPath(new URL("../..", import.meta.url));
  const backend = start(join(top, "target/fastapi/bin/python"), [join(top, "tests/fastapi/serve.py"), "--scratch", data], {
    DATABASE: join(data, "backend.sqlite"),
    BCRYPT_ROUNDS: "4",
    PYTHONDONTWRITEBYTECODE: "1",
  });
  const api = await backend.line();
  const at = ["--site-listen", "127.0.0.1:0", "--data", join(data, "site"), "--log", "warn"];
  const { child, ended, line } = start("vestibule", ["gateway", "--api", api, ...at]);
  let said = "";
  while (!said.includes("Next:")) said += `${await line()}\n`;
  const [, site] = /Site\s+(\S+)/.exec(said) ?? [];
  const end = async () => {
    child.kill("SIGTERM");
    await ended;
    backend.child.stdin.end();
    await backend.ended;
  };
  return { site, api, end };
}

/** The files of the app in docs/better-auth.md: each block that begins with its name. They are put where they find the packages.
 * @returns the folder that has `src` */
export async function documented() {
  const folder = join(HERE, "node_modules", ".documented");
  const text = await readFile(join(HERE, "../../docs/better-auth.md"), "utf8");
  const blocks = [...text.matchAll(/^```tsx?\n\/\/ (src\/\S+)\n([^]*?)^```$/gm)];
  assert.ok(blocks.length >= 3, "the documentation has an app");
  for (const [, name, code] of blocks) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), code);
  }
  return folder;
}

/** A UI of one page, whose script is bundled as front ends are; it answers every path.
 * @param {string} script in this folder; it may import `@/…`, which is what the documentation has under that name */
export async function startUi(script) {
  const source = await documented();
  const { outputFiles } = await build({
    entryPoints: [join(HERE, script)],
    absWorkingDir: HERE,
    alias: { "@": join(source, "src") },
    jsx: "automatic",
    bundle: true,
    format: "iife",
    write: false,
    logLevel: "warning",
  });
  const page = '<!doctype html><html lang="en"><title>App</title><div id="root"></div><script src="/app.js"></script></html>';
  const server = createServer(({ url }, response) => {
    const [kind, body] = url === "/app.js" ? ["text/javascript", outputFiles[0].contents] : ["text/html", page];
    response.writeHead(200, { "content-type": `${kind}; charset=utf-8` }).end(body);
  });
  return listening(server, "localhost");
}

/** Somebody else's site: it answers every path with `html`.
 * @param {string} html
 * @param {"localhost" | "127.0.0.1"} host the first is another origin of the same site, the second another site */
export async function startForeign(html, host = "localhost") {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
  });
  return listening(server, host);
}

/** @param {import("node:http").Server} server @param {string} host */
async function listening(server, host) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const end = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://${host}:${port}`, end };
}

const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];

/** Chromium, as much like a person's as a test allows. */
export function launch() {
  const executablePath = CHROMIUM.find((path) => path && existsSync(path));
  assert.ok(executablePath, "Chromium is not installed: apt-get install chromium, or set CHROMIUM");
  return chromium.launch({
    executablePath,
    // Real browsers have a back/forward cache, and what it restores is ours to answer for.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
