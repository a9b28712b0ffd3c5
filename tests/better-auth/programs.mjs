// @ts-check
/**
 * The servers: Better Auth, Vestibule with its own API, and its gateway in front of the FastAPI backend.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
const VESTIBULE = join(process.env.VESTIBULE_BUILD ?? join(TOP, "target/debug"), "vestibule");

/**
 * A server and its origin. `api`: where tokens of the API behind it open something, if there is one. `tick` is to be called before each request
 * that may begin a session.
 * @typedef {{ site: string, api?: string, end: () => Promise<void>, tick?: () => void }} Server
 */

/** Only what a program needs: no setting of whoever runs the tests may reach it. */
const ENVIRONMENT = { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR };

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** A running program and its output, line by line.
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} more variables */
function start(program, args, more = {}) {
  const child = spawn(program, args, { env: { ...ENVIRONMENT, ...more }, stdio: ["pipe", "pipe", "inherit"] });
  children.add(child);
  const ended = once(child, "exit").finally(() => children.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ended early`);
    return value;
  };
  /** Ends what goes on until its standard input ends. */
  const close = async () => {
    child.stdin.end();
    await ended;
  };
  const terminate = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { line, close, terminate };
}

/** Better Auth. @param {string} version @param {{ isLimited?: boolean }} [options] @returns {Promise<Server>} */
export async function startReference(version, { isLimited = false } = {}) {
  const { line, close } = start(process.execPath, [
    fileURLToPath(new URL("reference.mjs", import.meta.url)),
    version,
    ...(isLimited ? ["limited"] : []),
  ]);
  return { site: await line(), end: close };
}

const scratch = () => mkdtemp(join(tmpdir(), "vestibule-better-auth-"));

/** The program, once it serves. @param {string[]} args @param {string} data */
async function startVestibule(args, data) {
  // Browsers are told apart by the address that a proxy names, as those of Better Auth are.
  const listen = ["--site-listen", "127.0.0.1:0", "--trusted-hop", "127.0.0.1", "--data", data, "--log", "error"];
  const { line, terminate } = start(VESTIBULE, [...args, ...listen]);
  let said = "";
  while (!said.includes("Next:")) said += `${await line()}\n`;
  const [, site] = /Site\s+(\S+)/.exec(said) ?? [];
  const [, api] = /API\s+(\S+)/.exec(said) ?? [];
  return { site, api, end: terminate };
}

/** Site and API in one process. @returns {Promise<Server>} */
export async function startAllInOne() {
  const data = await scratch();
  const { site, api, end } = await startVestibule(["serve", "--api-listen", "127.0.0.1:0"], data);
  return { site, api: `${api}/user/me`, end: () => end().finally(() => rm(data, { recursive: true })) };
}

/** The gateway in front of the FastAPI backend (tests/fastapi), which can be stopped alone. Two of its tokens for one user in one second are one and the
 * same, which signs out two devices at once; so its clock stands still until it ticks. */
export async function startInFrontOfFastapi() {
  const data = await scratch();
  const [clock, next] = [join(data, "clock"), join(data, "clock-next")];
  let time = Math.floor(Date.now() / 1000);
  // A new file in place of the old one: whoever reads it sees the one or the other.
  const tick = () => {
    writeFileSync(next, String(time++));
    renameSync(next, clock);
  };
  tick();
  const backend = start(join(TOP, "target/fastapi/bin/python"), [join(TOP, "tests/fastapi/serve.py"), "--scratch", data], {
    DATABASE: join(data, "backend.sqlite"),
    BCRYPT_ROUNDS: "4",
    CLOCK_FILE: clock,
    PYTHONDONTWRITEBYTECODE: "1",
  });
  const address = await backend.line();
  const { site, end } = await startVestibule(["gateway", "--api", address], join(data, "site"));
  return { site, api: `${address}/api/v1/user/me/`, tick, stopBackend: backend.close, end: () => end().finally(backend.close) };
}
