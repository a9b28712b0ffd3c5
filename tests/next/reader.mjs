// @ts-check
/**
 * Somebody who follows a guide to the letter: runs its commands in a shell, and writes its files.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A block of a guide: a file if its first line names one in a comment, otherwise commands. @typedef {{ kind: string, text: string }} Block */

/** What goes on after a command is ready. @typedef {{ said: () => string, ends: () => Promise<void> }} Running */

/** The blocks of a guide, in order.
 * @param {string} text
 * @returns {Block[]} */
export function blocksOf(text) {
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, kind, text]) => ({ kind, text }));
}

/** What stands below a heading that begins so. @param {string} guide @param {string} heading */
export function below(guide, heading) {
  const section = guide.split(/^## /m).find((text) => text.startsWith(heading));
  assert.ok(section, heading);
  return section;
}

export class Reader {
  /** @type {Running[]} */
  #running = [];

  /** @param {string} folder of the app @param {NodeJS.ProcessEnv} env */
  constructor(folder, env) {
    this.folder = folder;
    this.env = env;
  }

  /** Runs commands to their end; answers what they printed. @param {string} text */
  async runs(text) {
    const { shell, said } = this.#start(text);
    const [code] = await once(shell, "close");
    assert.equal(code, 0, `${text}\n${said()}`);
    return said();
  }

  /** Runs commands of which the last goes on, once `ready` is printed.
   * @param {string} text
   * @param {RegExp} ready
   * @param {NodeJS.ProcessEnv} [more] */
  async starts(text, ready, more = {}) {
    const { shell, said } = this.#start(text, more);
    const closed = once(shell, "close");
    const ends = async () => {
      if (shell.pid && shell.exitCode === null) process.kill(-shell.pid, "SIGKILL");
      await closed;
    };
    const running = { said, ends };
    this.#running.push(running);
    const isReady = new Promise((resolve) => {
      for (const output of [shell.stdout, shell.stderr]) output.on("data", () => ready.test(said()) && resolve(undefined));
    });
    await Promise.race([isReady, closed.then(() => Promise.reject(new Error(`${text} ended early:\n${said()}`)))]);
    return running;
  }

  /** Writes a file that is shown. @param {Block} block */
  async writes({ text }) {
    const [, name] = /^\/\/ (\S+)\n/.exec(text) ?? [];
    assert.ok(name, text);
    await mkdir(dirname(join(this.folder, name)), { recursive: true });
    await writeFile(join(this.folder, name), text);
  }

  /** Ends all that goes on. */
  async ends() {
    for (const running of this.#running.splice(0)) await running.ends();
  }

  /** @param {string} text @param {NodeJS.ProcessEnv} [more] */
  #start(text, more) {
    const env = { ...this.env, ...more };
    const shell = spawn("sh", ["-ec", text], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let all = "";
    for (const output of [shell.stdout, shell.stderr]) output.setEncoding("utf8").on("data", (more) => void (all += more));
    return { shell, said: () => all };
  }
}
