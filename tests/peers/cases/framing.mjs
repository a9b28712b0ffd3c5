// @ts-check
/** Requests whose end two readers see in different places. @module */
import { fault, is, risk, unasked, within } from "../case.mjs";
import { readAnswer } from "../message.mjs";
import { QUIET } from "../wire.mjs";

/** What is hidden behind a request: it is for the peer's own host, and as long whatever its port.
 * @param {string} host */
export const hidden = (host) => `GET /hidden HTTP/1.1\r\n${hostLines(host)}\r\n\r\n`;

/** @param {string} host */
const hostLines = (host) => `Host: ${host}\r\nX: ${"x".repeat(60 - host.length)}`;

/** Stands for it. */
const HIDDEN = hidden("HOST");

/** What of a head as it arrived two readers may disagree on.
 * @param {string} raw */
export function doubts(raw) {
  const count = (/** @type {RegExp} */ of) => (raw.match(of) ?? []).length;
  const [lengths, codings] = [count(/^content-length[ \t]*:/gim), count(/^transfer-encoding[ \t]*:/gim)];
  const found = {
    "both lengths": lengths > 0 && codings > 0,
    "two lengths": lengths > 1,
    "an odd length": /^content-length[ \t]*:(?![ \t]*\d+[ \t]*\r?$)/im.test(raw),
    "an odd coding": codings > 1 || /^transfer-encoding[ \t]*:(?![ \t]*chunked[ \t]*\r?$)/im.test(raw),
    "a folded line": /\n[ \t]/.test(raw),
    "a bare CR": /\r(?!\n)/.test(raw),
    "a bare LF": /(?<!\r)\n/.test(raw),
    "a blank before the colon": /^[\w-]+[ \t]+:/m.test(raw),
    "a NUL": raw.includes("\0"),
    "two hosts": count(/^host[ \t]*:/gim) > 1,
  };
  return Object.entries(found).filter(([, is]) => is).map(([name]) => name);
}

/** @param {string} name
 * @param {string} start
 * @param {string} rest from the end of the first line on; `Host` is put in front
 * @param {{ host?: false, must?: string }} [options] `must`: what says that it has to be refused
 * @returns {import("../case.mjs").Case} */
const raw = (name, start, rest, options = {}) => ({
  name,
  rule: options.must && `fault unless refused: ${options.must}`,
  run: async ({ open, peer, upstream }) => {
    const wire = await open();
    const host = options.host === false ? "" : `Host: ${peer.host}\r\n`;
    await wire.send(`${start}\r\n${host}${rest.replaceAll(/Host: HOST\r\nX: x+/g, hostLines(peer.host))}`);
    const first = await readAnswer(wire, { ms: 2 * QUIET });
    const second = first && !wire.isOver ? await readAnswer(wire, { ms: QUIET }) : undefined;
    await within(100, () => upstream.requests.length > 0);
    await within(500, () => upstream.requests.every(({ body }) => body !== undefined));
    const outcome = judge(upstream.requests, first, second);
    return options.must && upstream.requests.length > 0 && !outcome.mark ? fault(outcome.fact) : outcome;
  },
});

/** @param {import("../upstream.mjs").Exchange[]} requests
 * @param {import("../case.mjs").Answer | undefined} first
 * @param {import("../case.mjs").Answer | undefined} second */
function judge(requests, first, second) {
  if (requests.some(({ head }) => head.start.includes("/hidden"))) {
    return risk(requests.length > 1 || second ? "read as two requests" : "the hidden request alone");
  }
  const [request] = requests;
  if (!request) return is(unasked(first));
  const found = doubts(request.head.raw);
  if (found.length > 0) return risk(`passed on, with ${found.join(", ")}`);
  if (!request.body?.isWhole) return is(first && first.status >= 400 ? `broken off, ${first.status}` : "broken off");
  const many = requests.length > 1 ? "two requests passed on" : "one request passed on";
  return is(first && first.status >= 400 ? `${many}, then ${first.status}` : many);
}

const post = "POST /framing HTTP/1.1";
const chunked = "Transfer-Encoding: chunked\r\n";
const [nothing, one] = ["0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"];

/** @type {import("../case.mjs").Group} */
export const framing = {
  title: "Framing",
  about:
    "Risk if the application gets a head on which two servers may disagree (RFC 9112, 11.2), or a request that was hidden in the body of another one. " +
    "A peer that reads such a request in one way and writes it anew is not marked, though refusing is safer.",
  cases: [
    raw("`Content-Length` and `Transfer-Encoding`", post, `Content-Length: ${nothing.length}\r\n${chunked}\r\n${nothing}${HIDDEN}`),
    raw("two different `Content-Length`", post, `Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`, { must: "RFC 9112, 6.3" }),
    raw("two equal `Content-Length`", post, "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    raw("`Content-Length: 1, 1`", post, "Content-Length: 1, 1\r\n\r\nx"),
    raw("`Content-Length: +1`", post, "Content-Length: +1\r\n\r\nx"),
    raw("`Transfer-Encoding: xchunked`", post, `Transfer-Encoding: xchunked\r\n\r\n${one}`),
    raw("`Transfer-Encoding: chunked, identity`", post, `Transfer-Encoding: chunked, identity\r\n\r\n${one}`, { must: "RFC 9112, 6.3" }),
    raw("`Transfer-Encoding` twice", post, `${chunked}${chunked}\r\n${one}`),
    raw("`Transfer-Encoding: gzip, chunked`", post, `Transfer-Encoding: gzip, chunked\r\n\r\n${one}`, { must: "RFC 9112, 6.1" }),
    raw("`Transfer-Encoding` in HTTP/1.0", "POST /framing HTTP/1.0", `${chunked}Connection: keep-alive\r\n\r\n${one}`),
    raw("a blank before the colon of `Transfer-Encoding`", post, `Transfer-Encoding : chunked\r\nContent-Length: 1\r\n\r\n${one}`, { must: "RFC 9112, 5.1" }),
    raw("a folded header line", post, "X-Colour: blue\r\n green\r\nContent-Length: 1\r\n\r\nx"),
    raw("a header line that begins with a blank, first", post, " X-Colour: blue\r\nContent-Length: 1\r\n\r\nx"),
    raw("lines that end in LF alone", "GET /framing HTTP/1.1", "X-Colour: blue\nX-Size: 1\n\n"),
    raw("a CR alone within a value", "GET /framing HTTP/1.1", "X-Colour: blue\rX-Size: 1\r\n\r\n"),
    raw("a NUL within a value", "GET /framing HTTP/1.1", "X-Colour: blue\0\r\n\r\n"),
    raw("a header line without a colon", "GET /framing HTTP/1.1", "X-Colour\r\n\r\n"),
    raw("two `Host`", "GET /framing HTTP/1.1", "Host: evil.example\r\n\r\n", { must: "RFC 9112, 3.2" }),
    raw("no `Host` in HTTP/1.1", "GET /framing HTTP/1.1", "\r\n", { host: false, must: "RFC 9112, 3.2" }),
    raw("a chunk's size as `0x1`", post, `${chunked}\r\n0x1\r\nx\r\n0\r\n\r\n`),
    raw("a chunk's size as `+1`", post, `${chunked}\r\n+1\r\nx\r\n0\r\n\r\n`),
    raw("a chunk's size with 17 digits", post, `${chunked}\r\n10000000000000001\r\nx\r\n0\r\n\r\n`),
    raw("a chunk's size that ends in LF alone", post, `${chunked}\r\n1\nx\r\n0\r\n\r\n`),
    raw("a chunk extension with an LF in it", post, `${chunked}\r\n1;a\nb\r\nx\r\n0\r\n\r\n`),
    raw("a chunk longer than its size", post, `${chunked}\r\n1\r\nxy\r\n0\r\n\r\n`),
    raw("a `Content-Length` among the trailers", post, `${chunked}Trailer: content-length\r\n\r\n1\r\nx\r\n0\r\nContent-Length: 9\r\n\r\n`),
    raw("`GET` with a body", "GET /framing HTTP/1.1", `Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`),
    raw("two requests in one packet, the second behind the first's body", post, `Content-Length: 1\r\n\r\nx${HIDDEN.replace("/hidden", "/second")}`),
    raw("a method of its own, `PURGE`", "PURGE /framing HTTP/1.1", "\r\n"),
    raw("`TRACE`", "TRACE /framing HTTP/1.1", "\r\n"),
    raw("`CONNECT evil.example:443`", "CONNECT evil.example:443 HTTP/1.1", "\r\n"),
    raw("HTTP/1.2", "GET /framing HTTP/1.2", "\r\n"),
    raw("a blank more in the first line", "GET  /framing HTTP/1.1", "\r\n"),
  ],
};
