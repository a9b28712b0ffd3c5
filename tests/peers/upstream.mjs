// @ts-check
/**
 * The application behind every peer. It keeps each request as it came, byte for byte, and answers as a case wants.
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:net";

import { readBody, readHead, target } from "./message.mjs";
import { wire } from "./wire.mjs";

/**
 * @typedef {import("./wire.mjs").Wire} Wire
 * One request on its connection:
 * @typedef {{ head: import("./message.mjs").Head, wire: Wire, connection: number,
 *   body?: import("./message.mjs").Body }} Exchange
 * @typedef {(exchange: Exchange) => Promise<unknown>} Handler
 * @typedef {Awaited<ReturnType<typeof startUpstream>>} Upstream
 */

/** An answer with a length.
 * @param {string} body
 * @param {string[]} [lines] further header lines */
export const answer = (body, lines = []) =>
  ["HTTP/1.1 200 OK", "Content-Type: text/plain", ...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");

/** Reads the body and answers. @type {Handler} */
const ordinary = async (exchange) => {
  exchange.body = await readBody(exchange.wire, exchange.head);
  await exchange.wire.send(answer("ok"));
};

/** Starts it on a free port. */
export async function startUpstream() {
  /** @type {Exchange[]} */
  let requests = [];
  /** @type {{ start: string, handler: Handler, stays: boolean }[]} */
  let handlers = [];
  /** @type {Set<Wire>} */
  const wires = new Set();
  /** @type {Set<Wire>} */
  const taken = new Set();
  let connections = 0;

  const handlerOf = (/** @type {string} */ path) => {
    const covering = handlers.filter(({ start }) => path.startsWith(start));
    return covering.sort((one, other) => other.start.length - one.start.length)[0] ?? { handler: ordinary, stays: false };
  };
  const serve = async (/** @type {Wire} */ wire, /** @type {number} */ connection) => {
    for (;;) {
      const head = await readHead(wire, 600_000);
      if (!head) return wire.close();
      const { handler, stays } = handlerOf(target(head));
      const exchange = { head, wire, connection };
      if (!stays) requests.push(exchange);
      if ((await handler(exchange)) !== "taken") continue;
      if (!stays) taken.add(wire);
      return;
    }
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const one = wire(socket);
    wires.add(one);
    socket.on("close", () => wires.delete(one));
    void serve(one, connections++);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

  return {
    port,
    /** What came since `clear`, but for what stays. */
    get requests() {
      return requests;
    },
    /** Answers what is at `start` and below by `handler`. If that returns "taken", the connection is its. What `stays` is
     *  for several cases, or for one that runs beside others.
     * @param {string} start
     * @param {Handler} handler */
    on: (start, handler, stays = false) => void handlers.push({ start, handler, stays }),
    /** Forgets what came and how to answer. */
    clear: () => {
      requests = [];
      handlers = handlers.filter(({ stays }) => stays);
      taken.forEach((wire) => wire.close());
      taken.clear();
    },
    /** Ends every connection on which nothing happens now. */
    closeIdle: () => wires.forEach((wire) => wire.close()),
    /** Takes no more connections, and ends those there are. */
    down: async () => {
      const closed = once(server, "close");
      server.close();
      wires.forEach((wire) => wire.close());
      await closed;
    },
    up: () => once(server.listen(port, "127.0.0.1"), "listening"),
    end: () => {
      server.close();
      wires.forEach((wire) => wire.close());
    },
  };
}
