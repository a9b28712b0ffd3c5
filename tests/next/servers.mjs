// @ts-check
/**
 * The example as people run it: Next.js behind the gateway (design A), or in front of it (design B), built for production
 * or by the development server.
 * @module
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { startStage } from "../browser/servers.mjs";

/** @typedef {"a" | "b" | "before"} Design A: the gateway is in front. B: Next.js is. Before: as A, with the brief's own app. */
/** @typedef {"start" | "dev"} Mode */
/** @typedef {import("../browser/servers.mjs").Stage} Stage */
/** @typedef {Stage & { next: Next, catchUp: () => Promise<void> }} Site the address people go to, what a test can do to it, and its Next.js */

/** What Next.js runs as. @type {Mode} */
export const MODE = process.env.VESTIBULE_NEXT_MODE === "dev" ? "dev" : "start";

/** The gateway's address that is built into the app of design B. */
const BUILT_IN = process.env.VESTIBULE_NEXT_GATEWAY ?? "http://localhost:28414";

/** Where `cargo xtask test --only next` puts the built apps, by design. */
const APPS = process.env.VESTIBULE_NEXT_APPS ?? fileURLToPath(new URL("../../target/next", import.meta.url));

/** The folder of a design's app. @param {Design} design */
const appFolder = (design) => (design === "before" ? `${APPS}-before` : join(APPS, design));

/** Starts a site and waits until it answers.
 * @param {Design} design
 * @param {Mode} mode
 * @returns {Promise<Site>} */
export async function startSite(design, mode) {
  const port = await freePort();
  const next = `http://localhost:${port}`;
  const stage = await startStage({ a: ["--ui", next], b: ["--site", next, "--port", new URL(BUILT_IN).port], before: ["--ui", next, "--ui-session", "token"] }[design]);
  /** @type {Record<Design, Record<string, string>>} */
  const variables = {
    a: { VESTIBULE_URL: stage.gateway },
    b: { VESTIBULE_URL: stage.gateway, VESTIBULE_KEY: stage.nextKey },
    before: { NEXT_PUBLIC_API_URL: stage.gateway, NEXT_PUBLIC_SITE_URL: stage.site, AUTH_SECRET: randomBytes(32).toString("base64") },
  };
  const server = await startNext(design, mode, port, variables[design]).catch(async (error) => {
    // A stage that goes on would keep the test process from ending.
    await stage.end();
    throw error;
  });
  let ahead = 0;
  /** Moves both clocks. @param {number} seconds */
  const advance = async (seconds) => {
    ahead += seconds;
    await server.setClock(ahead);
    return stage.advance(seconds);
  };
  /** Moves the gateway's, which stands still, to where that of Next.js has gone. */
  const catchUp = async () => {
    const { now } = await stage.advance(0);
    await stage.advance(Math.max(0, Math.floor(Date.now() / 1000) + ahead - now));
  };
  const end = async () => {
    await server.end();
    await stage.end();
  };
  return { ...stage, advance, catchUp, next: server, end };
}

/** @typedef {Awaited<ReturnType<typeof startNext>>} Next */

/** The longest that Next.js may take until it answers, on a busy machine. Milliseconds. */
const READY = 180_000;

/** For a hook that starts a site: its stage and its Next.js. */
export const STARTING = { timeout: READY + 30_000 };

/** What the first journeys open. */
const PAGES = ["/", "/login", "/register", "/dashboard", "/dashboard/profile", "/dashboard/parallel"];

/** @param {Design} design
 * @param {Mode} mode
 * @param {number} port
 * @param {Record<string, string>} variables */
async function startNext(design, mode, port, variables) {
  const home = await mkdtemp(join(tmpdir(), "vestibule-next-"));
  const folder = appFolder(design);
  const program = join(design === "before" ? folder : APPS, "node_modules/next/dist/bin/next");
  const clock = join(home, "clock");
  // In place: the clock is read at any time.
  const setClock = (/** @type {number} */ seconds) => writeFile(clock, String(seconds * 1000).padEnd(20), { flag: "r+" });
  await writeFile(clock, "0".padEnd(20));
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_OPTIONS: `--import=${new URL("beside.mjs", import.meta.url)}`,
    VESTIBULE_NEXT_CLOCK: clock,
    ...variables,
  };
  const args = [program, mode, "--port", String(port), "--hostname", "127.0.0.1"];
  // A group of its own: the development server has children, and they end with it.
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  const ended = once(child, "exit");
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const kill = () => void (child.pid && !hasEnded() && process.kill(-child.pid, "SIGKILL"));
  process.once("exit", kill);

  let log = "";
  const ready = new Promise((resolve, reject) => {
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (text) => {
        log += text;
        if (log.includes("Ready in")) resolve(undefined);
      });
    }
    void ended.then(() => reject(new Error(`next ${mode} ended early:\n${log}`)));
  });
  const end = async () => {
    process.removeListener("exit", kill);
    kill();
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  const tooLate = setTimeout(kill, READY);
  try {
    await ready;
    // The development server compiles a page when it is first asked for, which may take longer than a test waits.
    if (mode === "dev") for (const path of PAGES) await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual" });
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(tooLate);
  }
  return { folder, setClock, end, /** All that it printed. */ log: () => log };
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}
