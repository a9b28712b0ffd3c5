// @ts-check
/**
 * What a case is, and what it has to work with.
 * @module
 */
import { readAnswer } from "./message.mjs";
import { pause, wireTo } from "./wire.mjs";

/**
 * What was seen, in words that are the same on every machine. `fault`: what was sent is lost, late or changed. `risk`: the
 * application behind may be misled. Which it is, the case's rule says.
 * @typedef {{ fact: string, mark?: "fault" | "risk" }} Outcome
 * @typedef {{ name: string, rule?: string, isLong?: true, isLast?: true, run: (stage: Stage) => Promise<Outcome> }} Case
 * @typedef {{ title: string, about: string, cases: Case[] }} Group
 * @typedef {ReturnType<typeof stageOf>} Stage
 * @typedef {NonNullable<Awaited<ReturnType<typeof readAnswer>>>} Answer
 */

/** @param {string} fact @returns {Outcome} */
export const is = (fact) => ({ fact });
/** @param {string} fact @returns {Outcome} */
export const fault = (fact) => ({ fact, mark: "fault" });
/** @param {string} fact @returns {Outcome} */
export const risk = (fact) => ({ fact, mark: "risk" });

/** A peer, the application behind it, and connections that end with the case.
 * @param {import("./programs.mjs").Peer} peer
 * @param {import("./upstream.mjs").Upstream} upstream */
export function stageOf(peer, upstream) {
  /** @type {import("./wire.mjs").Wire[]} */
  const wires = [];
  const open = async () => {
    const wire = await wireTo(peer.port);
    wires.push(wire);
    return wire;
  };
  /** A head as it is sent: the lines as they are, with `Host` unless they have one.
   * @param {string} start
   * @param {string[]} lines */
  const head = (start, lines = []) => {
    const host = lines.some((line) => /^host\s*:/i.test(line)) ? [] : [`Host: ${peer.host}`];
    return [start, ...host, ...lines, "", ""].join("\r\n");
  };
  /** Sends a request on a connection of its own.
   * @param {string} start such as `GET /a HTTP/1.1`
   * @param {string[]} [lines]
   * @param {string} [body] */
  const send = async (start, lines = [], body = "") => {
    const wire = await open();
    await wire.send(head(start, lines) + body);
    return wire;
  };
  /** Sends a request and waits for its answer.
   * @param {string} start
   * @param {string[]} [lines]
   * @param {string} [body] */
  const ask = async (start, lines = [], body = "") => {
    const wire = await send(start, lines, body);
    return readAnswer(wire, { method: start.split(" ")[0] });
  };
  return { peer, upstream, open, head, send, ask, end: () => wires.forEach((wire) => wire.close()) };
}

/** What a request came to that the application did not get.
 * @param {Answer | undefined} answer */
export function unasked(answer) {
  if (!answer) return "no answer";
  return answer.status >= 400 ? `refused ${answer.status}` : `answered ${answer.status}, not passed on`;
}

/** Waits until `holds` does; whether it did.
 * @param {() => boolean} holds
 * @param {number} ms */
export async function within(ms, holds) {
  const end = Date.now() + ms;
  while (!holds() && Date.now() < end) await pause(10);
  return holds();
}

/** A promise, and what settles it. */
export function gate() {
  /** @type {() => void} */
  let open = () => {};
  const opened = new Promise((/** @type {(value: void) => void} */ resolve) => (open = resolve));
  return { open, opened };
}
