// @ts-check
/** Bodies of requests. @module */
import { fault, gate, is, unasked, within } from "../case.mjs";
import { readAnswer, readBody, readHead, status } from "../message.mjs";
import { growth } from "../programs.mjs";
import { answer } from "../upstream.mjs";
import { MIB, pour, upTo } from "../volume.mjs";
import { pause } from "../wire.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../wire.mjs").Wire} Wire
 */


/** @param {Buffer} data */
const chunk = (data) => Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);

/** A body over the limit, and what became of it on both sides.
 * @param {string} name
 * @param {string[]} lines
 * @param {(block: Buffer) => Buffer} framed
 * @returns {Case} */
const tooLarge = (name, lines, framed) => ({
  name,
  rule: "fault if the application takes it for whole, or the client never reads the 413",
  run: async ({ peer, send, upstream }) => {
    if (peer.limit === undefined) return is("has no limit to set");
    let isWhole = false;
    upstream.on("/limited/", async ({ wire, head }) => {
      isWhole = (await readBody(wire, head, { ms: 2000 })).isWhole;
      await wire.send(answer("ok"));
    });
    const wire = await send("POST /limited/x HTTP/1.1", lines);
    // As most clients do, this one sends all it has and reads then.
    wire.socket.pause();
    for (let sent = 0; sent < 4 && (await pour(wire, MIB, framed)) === MIB; sent++) await pause(100);
    wire.socket.resume();
    if (framed !== plain) await wire.send("0\r\n\r\n");
    const got = await readAnswer(wire, { ms: 2000 });
    await within(200, () => isWhole);
    if (isWhole) return fault("the application takes it for whole");
    if (got?.status !== 413) return fault(got ? `${got.status} instead of 413` : "cut off, no answer is readable");
    return is(upstream.requests.length === 0 ? "413, the application is not asked" : "413, the application sees it broken off");
  },
});

/** @param {Buffer} block */
const plain = (block) => block;

/** @type {Case[]} */
const limits = [
  tooLarge("4 MiB where 1 MiB is allowed, length declared", ["Content-Length: 4194304"], plain),
  tooLarge("4 MiB where 1 MiB is allowed, in chunks", ["Transfer-Encoding: chunked"], chunk),
];

/** @type {Case[]} */
const inPieces = [
  {
    name: "the first chunk, before the client sends the second",
    run: async ({ send, upstream }) => {
      const { open, opened } = gate();
      upstream.on("/pieces", async ({ wire, head }) => {
        wire.until((bytes) => bytes.includes("one") || undefined).then(open);
        await opened;
        await readBody(wire, head);
        await wire.send(answer("ok"));
      });
      const wire = await send("POST /pieces HTTP/1.1", ["Transfer-Encoding: chunked"], "3\r\none\r\n");
      const isThere = await Promise.race([opened.then(() => true), pause(1500).then(() => false)]);
      await wire.send("3\r\ntwo\r\n0\r\n\r\n");
      const got = await readAnswer(wire);
      if (got?.status !== 200) return fault(unasked(got));
      return is(isThere ? "at once" : "held until all is there");
    },
  },
  {
    name: "a byte every 100 ms",
    rule: "fault if it does not arrive whole",
    run: async ({ send, upstream }) => {
      const wire = await send("POST /slow HTTP/1.1", ["Content-Length: 30"]);
      for (let sent = 0; sent < 30; sent++) {
        await wire.send("x");
        await pause(100);
      }
      const got = await readAnswer(wire);
      return got?.status === 200 && upstream.requests[0]?.body?.data.length === 30 ? is("whole") : fault(unasked(got));
    },
  },
  {
    name: "1 KiB a second for 70 s, as from a train",
    rule: "fault if it does not arrive whole",
    isLong: true,
    run: async ({ send, upstream }) => {
      let size = 0;
      upstream.on("/long/train", async ({ wire, head }) => {
        size = (await readBody(wire, head, { ms: 90_000 })).data.length;
        await wire.send(answer("ok"));
      }, true);
      const wire = await send("POST /long/train HTTP/1.1", [`Content-Length: ${70 * 1024}`]);
      for (let sent = 0; sent < 70 && !wire.isOver; sent++) {
        await wire.send(Buffer.alloc(1024, "x"));
        await pause(1000);
      }
      const got = await readAnswer(wire);
      return got?.status === 200 && size === 70 * 1024 ? is("whole") : fault(unasked(got));
    },
  },
  {
    name: "it stands still for 45 s in the middle",
    isLong: true,
    run: async ({ send, upstream }) => {
      upstream.on("/long/still", async ({ wire, head }) => {
        await readBody(wire, head, { ms: 90_000 });
        await wire.send(answer("ok"));
      }, true);
      const wire = await send("POST /long/still HTTP/1.1", ["Content-Length: 2000"], "x".repeat(1000));
      await wire.ends(45_000);
      await wire.send("x".repeat(1000));
      return is(await readAnswer(wire).then((got) => (got?.status === 200 ? "whole" : unasked(got))));
    },
  },
];

/** @type {Case[]} */
const early = [
  {
    name: "`Expect: 100-continue`",
    rule: "fault if the body is never asked for",
    run: async ({ send }) => {
      const wire = await send("POST /expect HTTP/1.1", ["Expect: 100-continue", "Content-Length: 4"]);
      const interim = await readHead(wire, 2000);
      if (!interim || status(interim) !== 100) return fault(interim ? `${status(interim)} at once` : "never asked for");
      await wire.send("data");
      const got = await readAnswer(wire);
      return got?.status === 200 ? is("asked for") : fault(unasked(got));
    },
  },
  {
    name: "the application refuses before it has read the body",
    rule: "fault if the client can't read why",
    run: async ({ send, upstream }) => {
      upstream.on("/refuse", async ({ wire }) => {
        await wire.send("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        wire.end();
        await pause(500);
        wire.close();
        return "taken";
      });
      const wire = await send("POST /refuse HTTP/1.1", [`Content-Length: ${4 * MIB}`]);
      await pour(wire, 4 * MIB);
      const got = await readAnswer(wire);
      return got?.status === 401 ? is("its 401 arrives") : fault(got ? `${got.status} instead` : "closed without an answer");
    },
  },
];

/** @param {string} name
 * @param {string[]} lines
 * @param {string} part
 * @returns {Case} */
const left = (name, lines, part) => ({
  name,
  rule: "fault if the application takes it for whole",
  run: async ({ send, upstream }) => {
    let isWhole = false;
    upstream.on("/left", async ({ wire, head }) => {
      isWhole = (await readBody(wire, head, { ms: 2000 })).isWhole;
      return "taken";
    });
    const wire = await send("POST /left HTTP/1.1", lines, part);
    await pause(300);
    wire.close();
    await within(1000, () => isWhole);
    if (isWhole) return fault("it looks whole");
    return is(upstream.requests.length === 0 ? "the application is not asked" : "the application sees it broken off");
  },
});

/** @type {Case[]} */
const large = [
  {
    name: "512 MiB: by how much the peer's memory grows",
    rule: "fault if by 64 MiB or more",
    run: async ({ peer, send, upstream }) => {
      const size = 512 * MIB;
      let arrived = () => 0;
      upstream.on("/large", async ({ wire, head }) => {
        const before = wire.count - wire.bytes.length;
        arrived = () => wire.count - before;
        const isChunked = /^transfer-encoding:/im.test(head.raw);
        wire.discard();
        const isAll = () => (isChunked ? wire.bytes.toString("latin1").endsWith("\r\n0\r\n\r\n") : arrived() >= size);
        await wire.until(() => isAll() || undefined, 60_000);
        await wire.send(answer(isAll() ? "all" : "not all", ["Connection: close"]));
        return "taken";
      });
      let data = "";
      const mib = await growth(peer.pid, async () => {
        const wire = await send("POST /large HTTP/1.1", [`Content-Length: ${size}`]);
        await pour(wire, size, plain, 10_000);
        data = (await readAnswer(wire, { ms: 10_000 }))?.data ?? "";
      });
      if (data !== "all") return fault(`${Math.round(arrived() / MIB)} MiB of it arrive, and no answer`);
      return mib < 64 ? is(`by ${upTo(mib)}`) : fault(`by ${upTo(mib)}`);
    },
  },
  {
    name: "the application does not read: how much of 256 MiB the peer takes",
    rule: "fault if 64 MiB or more",
    run: async ({ send, upstream }) => {
      upstream.on("/unread", async ({ wire }) => {
        wire.socket.pause();
        return "taken";
      });
      const wire = await send("POST /unread HTTP/1.1", [`Content-Length: ${256 * MIB}`]);
      const mib = (await pour(wire, 256 * MIB, plain, 1500)) / MIB;
      return mib < 64 ? is(upTo(mib)) : fault(mib === 256 ? "all of it" : upTo(mib));
    },
  },
];

/** @type {import("../case.mjs").Group} */
export const uploads = {
  title: "Uploads",
  about: "Bodies that are large, slow, refused or left.",
  cases: [
    ...inPieces,
    ...limits,
    ...early,
    left("the client goes away in the middle, length declared", ["Content-Length: 100"], "data"),
    left("the client goes away in the middle, in chunks", ["Transfer-Encoding: chunked"], "4\r\ndata\r\n"),
    ...large,
  ],
};
