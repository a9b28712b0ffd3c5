// @ts-check
/**
 * A connection, byte for byte: what came, what goes, and how it ended. Both sides of a peer use it.
 * @module
 */
import { once } from "node:events";
import { connect } from "node:net";

/** How long something that should come is waited for, in milliseconds. */
export const PATIENCE = 4000;

/** How long nothing has to come before it is said that nothing does, in milliseconds. */
export const QUIET = 700;

/** @typedef {ReturnType<typeof wire>} Wire */

/** A wire around a socket. It keeps what comes until that is taken.
 * @param {import("node:net").Socket} socket */
export function wire(socket) {
  let bytes = Buffer.alloc(0);
  let count = 0;
  let isKept = true;
  let hasEnded = false;
  let isClosed = false;
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const changed = () => [...waiting].forEach((look) => look());
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    count += chunk.length;
    // Of a stream that is only counted the last bytes are enough to see its end.
    bytes = isKept ? Buffer.concat([bytes, chunk]) : Buffer.concat([bytes, chunk]).subarray(-64);
    changed();
  });
  socket.on("end", () => ((hasEnded = true), changed()));
  socket.on("close", () => ((isClosed = true), changed()));
  socket.on("error", () => {});

  /** Waits until `found` finds something in what has come; `undefined` if that does not happen in time, or can't any more.
   * @template T
   * @param {(bytes: Buffer) => T | undefined | false} found
   * @param {number} [ms]
   * @returns {Promise<T | undefined>} */
  const until = (found, ms = PATIENCE) =>
    new Promise((resolve) => {
      const done = (/** @type {T | undefined} */ what) => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve(what);
      };
      const look = () => {
        const what = found(bytes);
        if (what !== undefined && what !== false) done(what);
        else if (hasEnded || isClosed) done(undefined);
      };
      const timer = setTimeout(() => done(undefined), ms);
      waiting.add(look);
      look();
    });

  return {
    socket,
    until,
    /** What has come and was not taken. */
    get bytes() {
      return bytes;
    },
    /** How many bytes have ever come. */
    get count() {
      return count;
    },
    /** Whether the other side has said that it sends no more, or is gone. */
    get isOver() {
      return hasEnded || isClosed;
    },
    /** The first `size` bytes, which are there. @param {number} size */
    take(size) {
      const taken = bytes.subarray(0, size);
      bytes = bytes.subarray(size);
      return taken;
    },
    /** From now on bytes are counted, not kept. */
    discard() {
      isKept = false;
    },
    /** Sends; true once it is on its way, false if the other side is gone. @param {string | Buffer} data */
    send: (data) =>
      new Promise((/** @type {(sent: boolean) => void} */ resolve) => {
        if (socket.destroyed || socket.writableEnded) return resolve(false);
        socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data, (error) => resolve(!error));
      }),
    /** Whether the other side ends the connection within `ms`. @param {number} [ms] */
    ends: async (ms = PATIENCE) => {
      await until(() => (hasEnded || isClosed ? true : undefined), ms);
      return hasEnded || isClosed;
    },
    /** Sends no more, as a client does that has said everything. */
    end: () => void socket.end(),
    /** Goes away without a word. */
    cut: () => void socket.resetAndDestroy(),
    close: () => void socket.destroy(),
  };
}

/** A connection to a port of this machine.
 * @param {number} port */
export async function wireTo(port) {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return wire(socket);
}

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
