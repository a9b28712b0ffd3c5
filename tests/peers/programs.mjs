// @ts-check
/**
 * The programs under test: starting one in a folder of its own, waiting until it answers, what memory it takes.
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { pause, wireTo } from "./wire.mjs";

/**
 * A program that stands between a client and the application.
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} version
 * @property {number} port
 * @property {string} host what a browser would send as `Host`
 * @property {number | undefined} limit of bodies below `/limited/`, in bytes, if there is such a setting
 * @property {() => Promise<string | undefined>} session cookies of somebody who is signed in, if there are sessions
 * @property {number} pid
 * @property {() => Promise<void>} end
 */

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** Only what a program needs: no setting of whoever runs this may reach it. */
const ENVIRONMENT = { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, LANG: "C.UTF-8" };

/** Where `cargo xtask peers` has put a program that others made. @param {string} name */
export function installed(name) {
  if (!process.env.PEERS_PROGRAMS) throw new Error("PEERS_PROGRAMS names no folder: run `cargo xtask peers`");
  return join(process.env.PEERS_PROGRAMS, name);
}

/** A folder that goes with the run. */
export const folder = () => mkdtemp(join(tmpdir(), "vestibule-peers-"));

/** A port that is free now. */
export async function freePort() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await once(server.close(), "close");
  return port;
}

/** Runs a program to its end, and answers what it said. @type {(...of: [string, string[], object?]) => Promise<string>} */
export async function said(program, args, options = {}) {
  const { stdout, stderr } = await promisify(execFile)(program, args, { env: ENVIRONMENT, ...options });
  return `${stdout}${stderr}`;
}

/** Starts a server and waits until it answers. Its output is shown if it ends before.
 * @param {string} program
 * @param {string[]} args
 * @param {{ port: number, cwd: string, env?: Record<string, string> }} options */
export async function serve(program, args, { port, cwd, env = {} }) {
  const child = spawn(program, args, { cwd, env: { ...ENVIRONMENT, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let output = "";
  child.stdout.on("data", (text) => (output = (output + text).slice(-10_000)));
  child.stderr.on("data", (text) => (output = (output + text).slice(-10_000)));
  const ended = once(child, "exit").finally(() => children.delete(child));
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${program} ended early:\n${output}`);
    await pause(50);
  }
  const end = async () => {
    child.kill("SIGTERM");
    const stubborn = setTimeout(() => child.kill("SIGKILL"), 3000);
    await ended;
    clearTimeout(stubborn);
    await rm(cwd, { recursive: true, force: true });
  };
  return { pid: /** @type {number} */ (child.pid), end };
}

/** @param {number} port */
async function answers(port) {
  const wire = await wireTo(port).catch(() => undefined);
  await wire?.send(`GET /ready HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  const isAnswer = await wire?.until((bytes) => bytes.includes("HTTP/1.1 ") || undefined);
  wire?.close();
  return isAnswer === true;
}

/** The process and all that it has started. @param {number} pid @returns {number[]} */
function family(pid) {
  const parents = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(name)]);
  /** @type {(of: number) => number[]} */
  const below = (of) => [of, ...parents.filter(([, parent]) => parent === of).flatMap(([child]) => below(child))];
  return below(pid);
}

/** @param {string} pid */
function parentOf(pid) {
  return Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? -1);
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}

/** How much the memory of a program grows at most while `work` is done, in MiB (Linux).
 * @param {number} pid
 * @param {() => Promise<unknown>} work */
export async function growth(pid, work) {
  const processes = family(pid);
  const resident = () => sum(processes, "VmRSS");
  processes.forEach((of) => writeFileSync(`/proc/${of}/clear_refs`, "5")); // The high water mark begins anew.
  const before = resident();
  await work();
  return (sum(processes, "VmHWM") - before) / 1024;
}

/** @param {number[]} processes @param {string} field */
function sum(processes, field) {
  const one = (/** @type {number} */ pid) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return processes.reduce((all, pid) => all + one(pid), 0);
}
