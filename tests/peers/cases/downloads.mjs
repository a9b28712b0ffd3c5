// @ts-check
/** Bodies of answers. @module */
import { fault, is, within } from "../case.mjs";
import { values } from "../message.mjs";
import { growth } from "../programs.mjs";
import { MIB, pour, upTo } from "../volume.mjs";
import { pause } from "../wire.mjs";

/** An answer whose head has to arrive as it is.
 * @param {string} name
 * @param {string} start
 * @param {string[]} lines
 * @param {string} raw the application's answer
 * @param {Record<string, string | undefined>} expected
 * @param {number} status
 * @param {string} data
 * @returns {import("../case.mjs").Case} */
const same = (name, start, lines, raw, expected, status, data) => ({
  name,
  run: async ({ ask, upstream }) => {
    upstream.on("/file", async ({ wire }) => {
      await wire.send(raw);
      // Without a length it is the end of the connection that says where the answer ends.
      if (/^connection: close/im.test(raw)) wire.close();
    });
    const got = await ask(start, lines);
    if (!got) return fault("no answer");
    const wrong = Object.entries(expected).filter(([name, value]) => values(got.head, name)[0] !== value).map(([name]) => name);
    if (got.status !== status) wrong.push(`status ${got.status}`);
    if (got.data !== data || !got.isWhole) wrong.push("body");
    return wrong.length === 0 ? is("as it is") : fault(`changed: ${wrong.join(", ")}`);
  },
});

const ranged = "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Range: bytes 2-3/10\r\nContent-Length: 2\r\n\r\nab";

/** @type {import("../case.mjs").Case[]} */
const large = [
  {
    name: "512 MiB: by how much the peer's memory grows",
    rule: "fault if by 64 MiB or more",
    run: async ({ peer, send, upstream }) => {
      const size = 512 * MIB;
      upstream.on("/large", async ({ wire }) => {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${size}\r\n\r\n`);
        await pour(wire, size, undefined, 60_000);
      });
      let count = 0;
      const mib = await growth(peer.pid, async () => {
        const wire = await send("GET /large HTTP/1.1");
        wire.discard();
        await wire.until(() => wire.count >= size || undefined, 120_000);
        count = wire.count;
      });
      if (count < size) return fault("it does not arrive");
      return mib < 64 ? is(`by ${upTo(mib)}`) : fault(`by ${upTo(mib)}`);
    },
  },
  {
    name: "the client does not read: how much of 256 MiB the peer takes",
    rule: "fault if 64 MiB or more",
    run: async ({ send, upstream }) => {
      let sent = 0;
      let isDone = false;
      upstream.on("/unread", async ({ wire }) => {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${256 * MIB}\r\n\r\n`);
        sent = (await pour(wire, 256 * MIB, undefined, 1500)) / MIB;
        isDone = true;
        return "taken";
      });
      const wire = await send("GET /unread HTTP/1.1");
      wire.socket.pause();
      await within(60_000, () => isDone);
      return sent < 64 ? is(upTo(sent)) : fault(sent === 256 ? "all of it" : upTo(sent));
    },
  },
  {
    name: "the client goes away in the middle of a download",
    rule: "fault if the application is not told within two seconds",
    run: async ({ send, upstream }) => {
      let isTold = false;
      upstream.on("/left", async ({ wire }) => {
        await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
        wire.ends(60_000).then(() => (isTold = true));
        return "taken";
      });
      const wire = await send("GET /left HTTP/1.1");
      await pause(300);
      wire.close();
      return (await within(2000, () => isTold)) ? is("told") : fault("not told");
    },
  },
];

/** @type {import("../case.mjs").Group} */
export const downloads = {
  title: "Downloads",
  about: "Answers that are large, partial or empty. Fault if the first seven are changed.",
  cases: [
    same("a range", "GET /file HTTP/1.1", ["Range: bytes=2-3"], ranged, { "content-range": "bytes 2-3/10", "content-length": "2" }, 206, "ab"),
    same("`HEAD`", "HEAD /file HTTP/1.1", [], "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", { "content-length": "1000" }, 200, ""),
    same("304 with an `ETag`", "GET /file HTTP/1.1", ['If-None-Match: "a"'], 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', { etag: '"a"' }, 304, ""),
    same("204", "GET /file HTTP/1.1", [], "HTTP/1.1 204 No Content\r\n\r\n", { "transfer-encoding": undefined }, 204, ""),
    same("a redirect", "GET /file HTTP/1.1", [], "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", { location: "/elsewhere" }, 302, ""),
    same("an answer that ends with its connection", "GET /file HTTP/1.1", [], "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata", {}, 200, "data"),
    same("what caches go by", "GET /file HTTP/1.1", [],
      'HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nETag: "a"\r\nVary: Accept\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok',
      { "cache-control": "public, max-age=60", etag: '"a"', vary: "Accept", "last-modified": "Sun, 01 Nov 2026 00:00:00 GMT" }, 200, "ok"),
    ...large,
  ],
};
