// @ts-check
/**
 * As much of HTTP/2 as it takes to say what no client library will say: frames and header blocks as a case wants them.
 * @module
 */
import { PATIENCE } from "./wire.mjs";

/** @typedef {import("./wire.mjs").Wire} Wire */

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const [DATA, HEADERS, RESET, SETTINGS, GO_AWAY] = [0, 1, 3, 4, 7];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];

/** @param {number} kind @param {number} flags @param {number} stream @param {Buffer} payload */
function frame(kind, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(kind, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Names and values letter by letter, none remembered (RFC 7541, 6.2.2). @param {[string, string][]} fields */
function block(fields) {
  const text = (/** @type {string} */ text) => Buffer.concat([length(text.length), Buffer.from(text, "latin1")]);
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** A number in the seven bits of a first byte, and seven in each that follows (RFC 7541, 5.1). @param {number} size */
function length(size) {
  if (size < 127) return Buffer.from([size]);
  const bytes = [127];
  let rest = size - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** Sends one request on a fresh connection, and says what became of it.
 * @param {Wire} wire
 * @param {[string, string][]} fields
 * @param {string} [body]
 * @returns {Promise<{ status?: number, end?: string }>} */
export async function askH2(wire, fields, body) {
  const head = frame(HEADERS, END_HEADERS | (body === undefined ? END_STREAM : 0), 1, block(fields));
  const data = body === undefined ? [] : [frame(DATA, END_STREAM, 1, Buffer.from(body, "latin1"))];
  await wire.send(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0, Buffer.alloc(0)), head, ...data]));
  for (;;) {
    const next = await readFrame(wire);
    if (!next) return { end: wire.isOver ? "the connection is closed" : "no answer" };
    const { kind, flags, stream, payload } = next;
    if (kind === 0x48) return { end: "speaks no HTTP/2" };
    if (kind === SETTINGS && !(flags & ACK)) await wire.send(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (kind === RESET && stream === 1) return { end: "the stream is reset" };
    if (kind === GO_AWAY && payload.readUInt32BE(4) !== 0) return { end: "the connection is closed" };
    if (kind === HEADERS && stream === 1) return { status: statusIn(payload, flags) };
  }
}

/** @param {Wire} wire */
async function readFrame(wire) {
  const size = await wire.until((bytes) => {
    if (bytes.subarray(0, 4).toString("latin1") === "HTTP") return -1;
    if (bytes.length < 9 || bytes.length < 9 + bytes.readUIntBE(0, 3)) return undefined;
    return 9 + bytes.readUIntBE(0, 3);
  }, PATIENCE);
  if (size === undefined) return undefined;
  if (size < 0) return { kind: 0x48, flags: 0, stream: 0, payload: Buffer.alloc(0) };
  const bytes = wire.take(size);
  return { kind: bytes[3], flags: bytes[4], stream: bytes.readUInt32BE(5), payload: bytes.subarray(9) };
}

/** The statuses that have a number of their own (RFC 7541, appendix A). @type {Record<number, number>} */
const INDEXED = { 0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500 };

/** The status, which comes first. @param {Buffer} payload @param {number} flags */
function statusIn(payload, flags) {
  let at = flags & 0x08 ? 1 : 0; // padded
  while ((payload[at] & 0xe0) === 0x20) at += 1; // the size of the table
  const indexed = INDEXED[payload[at]];
  if (indexed) return indexed;
  const [size, text] = [payload[at + 1], payload.subarray(at + 2, at + 2 + (payload[at + 1] & 0x7f))];
  return size & 0x80 ? digits(text) : Number(text.toString("latin1"));
}

/** Three digits in Huffman's code: 0 to 2 have five bits, 3 to 9 have six (RFC 7541, appendix B). @param {Buffer} packed */
function digits(packed) {
  let bits = [...packed].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let text = "";
  while (text.length < 3) {
    const short = parseInt(bits.slice(0, 5), 2);
    text += short <= 2 ? short : parseInt(bits.slice(0, 6), 2) - 0b011001 + 3;
    bits = bits.slice(short <= 2 ? 5 : 6);
  }
  return Number(text);
}
