// @ts-check
/**
 * Messages of HTTP/1.1, read as they stand on the wire: nothing is mended, folded or refused.
 * @module
 */
import { PATIENCE } from "./wire.mjs";

/**
 * @typedef {import("./wire.mjs").Wire} Wire
 * @typedef {{ raw: string, start: string, lines: string[], headers: [string, string][] }} Head
 * @typedef {{ data: string, trailers: string, isWhole: boolean }} Body
 */

/** The next head, up to the first empty line; `undefined` if none comes.
 * @param {Wire} wire
 * @param {number} [ms] */
export async function readHead(wire, ms = PATIENCE) {
  const size = await wire.until((bytes) => {
    const text = bytes.toString("latin1");
    const end = /\r?\n\r?\n/.exec(text.replace(/^(\r\n)+/, (blank) => " ".repeat(blank.length)));
    return end ? end.index + end[0].length : undefined;
  }, ms);
  return size === undefined ? undefined : parseHead(wire.take(size).toString("latin1"));
}

/** @param {string} raw
 * @returns {Head} */
export function parseHead(raw) {
  const [start, ...lines] = raw.trim().split(/\r?\n/);
  const headers = lines.map((line) => {
    const [name, ...value] = line.split(":");
    return /** @type {[string, string]} */ ([name.toLowerCase(), value.join(":").trim()]);
  });
  return { raw, start, lines, headers };
}

/** All values under a name, in lower case.
 * @param {Head} head
 * @param {string} name */
export const values = (head, name) => head.headers.filter(([of]) => of === name).map(([, value]) => value);

/** The status of an answer. @param {Head} head */
export const status = (head) => Number(head.start.split(" ")[1]);

/** The target of a request. @param {Head} head */
export const target = (head) => head.start.split(" ")[1] ?? "";

/** The body behind a head: by chunks, by length, or for an answer until the end of the connection.
 * @param {Wire} wire
 * @param {Head} head
 * @param {{ isAnswer?: boolean, ms?: number }} [options]
 * @returns {Promise<Body>} */
export async function readBody(wire, head, { isAnswer = false, ms = PATIENCE } = {}) {
  if (values(head, "transfer-encoding").some((coding) => /chunked/i.test(coding))) return readChunks(wire, ms);
  const length = values(head, "content-length")[0];
  if (length !== undefined || !isAnswer) {
    const size = Number(length ?? 0);
    await wire.until((bytes) => bytes.length >= size, ms);
    const isWhole = wire.bytes.length >= size;
    return { data: wire.take(size).toString("latin1"), trailers: "", isWhole };
  }
  const isWhole = await wire.ends(ms);
  return { data: wire.take(wire.bytes.length).toString("latin1"), trailers: "", isWhole };
}

/** @param {Wire} wire
 * @param {number} ms
 * @returns {Promise<Body>} */
async function readChunks(wire, ms) {
  const found = await wire.until((bytes) => dechunked(bytes.toString("latin1"), true), ms);
  if (found) wire.take(found.size);
  const { data, trailers } = found ?? dechunked(wire.bytes.toString("latin1"), false) ?? { data: "", trailers: "" };
  return { data, trailers, isWhole: found !== undefined };
}

/** What a row of chunks says, so far or as a whole.
 * @param {string} text
 * @param {boolean} asWhole */
export function dechunked(text, asWhole) {
  let data = "";
  let at = 0;
  for (;;) {
    const line = text.indexOf("\r\n", at);
    const size = line < 0 ? NaN : parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) break;
    if (size === 0) {
      const trailers = /^(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(line + 2));
      if (!trailers) break;
      return { data, trailers: trailers[0].trim(), size: line + 2 + trailers[0].length };
    }
    data += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (at > text.length) break;
  }
  return asWhole ? undefined : { data, trailers: "", size: at };
}

/** One answer to a request: interim ones, the head, and the body. `undefined` if none comes.
 * @param {Wire} wire
 * @param {{ method?: string, ms?: number }} [options] */
export async function readAnswer(wire, { method = "GET", ms = PATIENCE } = {}) {
  /** @type {number[]} */
  const interim = [];
  for (;;) {
    const head = await readHead(wire, ms);
    if (!head) return undefined;
    const code = status(head);
    if (code >= 100 && code < 200 && code !== 101) {
      interim.push(code);
      continue;
    }
    const isEmpty = method === "HEAD" || code === 204 || code === 304 || code === 101;
    const body = isEmpty ? { data: "", trailers: "", isWhole: true } : await readBody(wire, head, { isAnswer: true, ms });
    return { interim, head, status: code, ...body };
  }
}
