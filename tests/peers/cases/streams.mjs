// @ts-check
/** Answers that come bit by bit. @module */
import { constants, gunzipSync } from "node:zlib";

import { fault, gate, is, risk, unasked, within } from "../case.mjs";
import { dechunked, readAnswer, readBody, readHead, values } from "../message.mjs";
import { pause } from "../wire.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../case.mjs").Stage} Stage
 */

const EVENTS = ["Accept: text/event-stream"];

/** How long the first event is waited for before the second is sent, in milliseconds. */
const BETWEEN = 1500;

/** @param {string} text */
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** What a client has read of a body so far, also if it is compressed.
 * @param {Buffer} bytes head and body
 * @param {boolean} isCompressed */
function soFar(bytes, isCompressed) {
  const text = bytes.toString("latin1");
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  const data = /^transfer-encoding: *chunked/im.test(text) ? dechunked(body, false)?.data ?? "" : body;
  if (!isCompressed) return data;
  try {
    return gunzipSync(Buffer.from(data, "latin1"), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  } catch {
    return "";
  }
}

/** Two events, of which the second is sent when the client has the first, or has waited long enough.
 * @param {string} name
 * @param {string} kind
 * @param {string[]} lines of the request
 * @param {string} [version]
 * @returns {Case} */
const twoEvents = (name, kind, lines, version = "1.1") => ({
  name,
  run: async ({ send, upstream }) => {
    const { open: first, opened: firstArrived } = gate();
    upstream.on("/events", async ({ wire }) => {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: ${kind}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data: one\n\n")}`);
      await firstArrived;
      await wire.send(chunk("data: two\n\n") + chunk("").slice(0, 5));
    });
    const wire = await send(`GET /events HTTP/${version}`, lines);
    const isCompressed = () => /^content-encoding: *gzip/im.test(wire.bytes.toString("latin1"));
    const sees = (/** @type {string} */ event, /** @type {number} */ ms) =>
      wire.until((bytes) => soFar(bytes, isCompressed()).includes(event) || undefined, ms);
    const isAtOnce = await sees("data: one", BETWEEN);
    first();
    const isWhole = await sees("data: two", 4000);
    if (!isWhole) return fault("the second never comes");
    if (version === "1.0" && /^transfer-encoding:/im.test(wire.bytes.toString("latin1"))) return fault("in chunks, which HTTP/1.0 has not");
    const how = isCompressed() ? ", compressed" : "";
    return isAtOnce ? is(`at once${how}`) : fault(`held back${how}`);
  },
});

/** @param {string} name
 * @param {string} start
 * @param {string[]} lines
 * @returns {Case} */
const silence = (name, start, lines) => ({
  name,
  rule: "fault if it is broken off",
  isLong: true,
  run: async ({ send, upstream }) => {
    const path = start.split(" ")[1];
    upstream.on(path, async ({ wire, head }) => {
      await readBody(wire, head);
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data: one\n\n")}`);
      await pause(70_000);
      await wire.send(chunk("data: two\n\n") + chunk("").slice(0, 5));
    }, true);
    const begun = Date.now();
    const wire = await send(start, lines);
    const isWhole = await wire.until((bytes) => bytes.includes("data: two") || undefined, 75_000);
    const after = Math.round((Date.now() - begun) / 10_000) * 10;
    return isWhole ? is("goes on") : fault(`broken off after ${after} s`);
  },
});

/** @type {Case[]} */
const about = [
  {
    name: "the client goes away in the middle of a stream",
    rule: "fault if the application is not told within two seconds",
    run: async ({ send, upstream }) => {
      const { open, opened } = gate();
      upstream.on("/events", async ({ wire }) => {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data: one\n\n")}`);
        wire.ends(60_000).then(open);
        return "taken";
      });
      const wire = await send("GET /events HTTP/1.1", EVENTS);
      await wire.until((bytes) => bytes.includes("one") || undefined, BETWEEN);
      wire.close();
      let isTold = false;
      opened.then(() => (isTold = true));
      return (await within(2000, () => isTold)) ? is("told") : fault("not told");
    },
  },
  {
    name: "trailers of an answer, for a client that says `TE: trailers`",
    rule: "fault if what is before them does not arrive",
    run: async ({ ask, upstream }) => {
      upstream.on("/trailers", ({ wire }) =>
        wire.send(`HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data")}0\r\nX-Sum: 4\r\n\r\n`));
      const got = await ask("GET /trailers HTTP/1.1", ["TE: trailers", "Connection: TE"]);
      if (got?.data !== "data" || !got.isWhole) return fault("the answer does not arrive whole");
      return is(/x-sum: 4/i.test(got.trailers) ? "passed on" : "dropped");
    },
  },
  {
    name: "trailers of an upload",
    rule: "fault if what is before them does not arrive",
    run: async ({ ask, upstream }) => {
      const got = await ask("POST /trailers HTTP/1.1", ["Trailer: X-Sum", "Transfer-Encoding: chunked"], `${chunk("data")}0\r\nX-Sum: 4\r\n\r\n`);
      const body = upstream.requests[0]?.body;
      if (!body) return fault(unasked(got));
      if (body.data !== "data" || !body.isWhole) return fault("the upload does not arrive whole");
      return is(/x-sum: 4/i.test(body.trailers) ? "passed on" : "dropped");
    },
  },
  {
    name: "`103 Early Hints` before an answer",
    rule: "fault if the answer itself does not arrive",
    run: async ({ ask, upstream }) => {
      upstream.on("/hints", ({ wire }) =>
        wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
      const got = await ask("GET /hints HTTP/1.1");
      if (got?.status !== 200) return fault(got ? `${got.status} instead` : "no answer");
      return is(got.interim.includes(103) ? "passed on" : "dropped");
    },
  },
  {
    name: "the application breaks off in the middle of a chunked answer",
    rule: "fault if the client takes it for whole",
    run: async ({ ask, upstream }) => {
      upstream.on("/broken", async ({ wire }) => {
        await wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data")}`);
        await pause(100);
        wire.close();
        return "taken";
      });
      const got = await ask("GET /broken HTTP/1.1");
      if (!got) return is("closed without an answer");
      return got.isWhole && got.status === 200 ? fault("it looks whole") : is(got.status === 200 ? "broken off" : `answered ${got.status}`);
    },
  },
];

/** @type {Case} */
const slowToBegin = {
  name: "the application takes 70 s to begin its answer",
  isLong: true,
  run: async ({ send, upstream }) => {
    upstream.on("/long/begin", async ({ wire }) => {
      await pause(70_000);
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }, true);
    const begun = Date.now();
    const got = await readAnswer(await send("GET /long/begin HTTP/1.1"), { ms: 75_000 });
    const after = Math.round((Date.now() - begun) / 10_000) * 10;
    if (!got) return is(`closed after ${after} s`);
    return is(got.status === 200 ? "waits for it" : `${got.status} after ${after} s`);
  },
};

/** @type {Case[]} */
const ofClients = [
  {
    name: "a request whose head never ends, a byte a second",
    rule: "risk if it is still waited for after 70 s",
    isLong: true,
    run: async ({ open, peer }) => {
      const wire = await open();
      await wire.send(`GET /long/head HTTP/1.1\r\nHost: ${peer.host}\r\nX-Slow: `);
      const begun = Date.now();
      while (!wire.isOver && wire.count === 0 && Date.now() - begun < 70_000) {
        await wire.send("x");
        await pause(1000);
      }
      const after = Math.round((Date.now() - begun) / 10_000) * 10;
      return after < 70 ? is(`cut off after ${after} s`) : risk("still waited for");
    },
  },
  {
    name: "a client that ends its side once it has asked",
    run: async ({ send, upstream }) => {
      upstream.on("/half", async ({ wire }) => {
        await pause(200);
        await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
      const wire = await send("GET /half HTTP/1.1");
      wire.end();
      const got = await readAnswer(wire);
      return is(got?.data === "ok" ? "gets its answer" : got ? `gets ${got.status}` : "gets no answer");
    },
  },
];

/** @type {Case} */
const compressed = {
  name: "an answer with `Content-Encoding: gzip` and an `ETag`",
  rule: "fault if either is changed",
  run: async ({ send, upstream }) => {
    upstream.on("/packed", ({ wire }) => wire.send('HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\npacked'));
    const wire = await send("GET /packed HTTP/1.1", ["Accept-Encoding: gzip"]);
    const head = await readHead(wire);
    const body = head && (await readBody(wire, head, { isAnswer: true }));
    const isSame = head && values(head, "etag")[0] === '"a"' && values(head, "content-encoding")[0] === "gzip" && body?.data === "packed";
    return isSame ? is("untouched") : fault("changed");
  },
};

/** @type {import("../case.mjs").Group} */
export const streams = {
  title: "Streams",
  about:
    "In the first six cases the application sends one event, then waits until the client has it, or for a second and a half. " +
    "Fault if the first is held back until there is more.",
  cases: [
    twoEvents("server-sent events", "text/event-stream", EVENTS),
    twoEvents("the same, for a client that takes gzip", "text/event-stream", [...EVENTS, "Accept-Encoding: gzip, br"]),
    twoEvents("the same, asked for by `fetch`", "text/event-stream", ["Accept: */*", "Accept-Encoding: gzip, br"]),
    twoEvents("lines of JSON (`application/x-ndjson`)", "application/x-ndjson", ["Accept-Encoding: gzip, br"]),
    twoEvents("plain text, for a client that takes gzip", "text/plain", ["Accept-Encoding: gzip, br"]),
    twoEvents("server-sent events to HTTP/1.0", "text/event-stream", EVENTS, "1.0"),
    silence("events with 70 s of silence in between", "GET /long/silence HTTP/1.1", EVENTS),
    silence("the same, in answer to a `POST` with `Accept: */*`", "POST /long/chat HTTP/1.1", ["Accept: */*", "Content-Length: 0"]),
    slowToBegin,
    ...about,
    compressed,
    ...ofClients,
  ],
};
