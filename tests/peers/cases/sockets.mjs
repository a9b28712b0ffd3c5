// @ts-check
/** WebSockets, and what calls itself an upgrade. @module */
import { createHash } from "node:crypto";

import { fault, gate, is, risk, unasked, within } from "../case.mjs";
import { readAnswer, values } from "../message.mjs";
import { pause, QUIET } from "../wire.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../case.mjs").Stage} Stage
 * @typedef {import("../wire.mjs").Wire} Wire
 */

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = createHash("sha1").update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** What is hidden behind a handshake. The peers are told to let nobody in there. @param {string} host */
const hiddenFor = (host) => `GET /admin/hidden HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** @param {string} origin */
const handshake = (origin) => [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${KEY}`,
  `Origin: ${origin}`,
];

/** A socket, open from the client to the application; without a far side if it could not be opened.
 * @param {Stage} stage
 * @param {{ path?: string, first?: string, stays?: boolean }} [options] `first`: what the application says with its 101 */
async function opened({ peer, send, upstream }, { path = "/socket", first = "", stays = false } = {}) {
  const { open, opened } = gate();
  /** @type {Wire | undefined} */
  let far;
  upstream.on(path, async ({ wire }) => {
    far = wire;
    await wire.send(SWITCH + first);
    open();
    return "taken";
  }, stays);
  const near = await send(`GET ${path} HTTP/1.1`, handshake(`http://${peer.host}`));
  const answer = await readAnswer(near);
  await Promise.race([opened, pause(QUIET)]);
  return { near, far, answer };
}

/** @param {Wire} wire @param {string} text */
const hears = async (wire, text, ms = 2000) => (await wire.until((bytes) => bytes.includes(text, 0, "latin1") || undefined, ms)) === true;

/** A case on a socket that is open.
 * @param {string} name
 * @param {string} rule
 * @param {(near: Wire, far: Wire) => Promise<import("../case.mjs").Outcome>} body
 * @returns {Case} */
const onSocket = (name, rule, body) => ({
  name,
  rule,
  run: async (stage) => {
    const { near, far, answer } = await opened(stage);
    if (!far || answer?.status !== 101) return fault(unasked(answer));
    return body(near, far);
  },
});

/** @type {Case[]} */
const open = [
  onSocket("what both sides say, byte for byte", "fault if anything is changed", async (near, far) => {
    const [up, down] = ["\x81\x84\0\0\0\0data\xff\0", "\x81\x04data\xff\0"];
    await near.send(up);
    await far.send(down);
    return (await hears(far, up)) && (await hears(near, down)) ? is("untouched") : fault("changed");
  }),
  {
    name: "what the application says in one packet with its 101",
    rule: "fault if it is lost",
    run: async (stage) => {
      const { near, answer } = await opened(stage, { first: "\x81\x05hello" });
      if (answer?.status !== 101) return fault(unasked(answer));
      return (await hears(near, "hello")) ? is("arrives") : fault("is lost");
    },
  },
  onSocket("the client goes away", "fault if the application is not told within two seconds", async (near, far) => {
    near.close();
    return (await far.ends(2000)) ? is("told") : fault("not told");
  }),
  onSocket("the application goes away", "fault if the client is not told within two seconds", async (near, far) => {
    far.close();
    return (await near.ends(2000)) ? is("told") : fault("not told");
  }),
  onSocket("the client ends its side, the application says goodbye", "fault if the client does not hear it", async (near, far) => {
    near.end();
    if (!(await far.ends(2000))) return fault("the application is not told");
    await far.send("goodbye");
    return (await hears(near, "goodbye")) ? is("arrives") : fault("is lost");
  }),
  {
    name: "70 s of silence",
    rule: "fault if it is closed",
    isLong: true,
    run: async (stage) => {
      const { near, far, answer } = await opened(stage, { path: "/long/socket", stays: true });
      if (!far || answer?.status !== 101) return fault(unasked(answer));
      const begun = Date.now();
      if (await near.ends(70_000)) return fault(`closed after ${Math.round((Date.now() - begun) / 10_000) * 10} s`);
      await far.send("still here");
      return (await hears(near, "still here")) ? is("stays open") : fault("dead");
    },
  },
];

/** A handshake that an application may or may not want.
 * @param {string} name
 * @param {(host: string) => string[]} lines
 * @param {string} answer of the application
 * @param {(arrived: import("../message.mjs").Head, status: number | undefined) => import("../case.mjs").Outcome} judge
 * @param {{ rule?: string, start?: string }} [options]
 * @returns {Case} */
const shaken = (name, lines, answer, judge, { rule, start = "GET /shaken HTTP/1.1" } = {}) => ({
  name,
  rule,
  run: async ({ ask, peer, upstream }) => {
    upstream.on("/shaken", async ({ wire }) => {
      await wire.send(answer);
      return "taken";
    });
    const got = await ask(start, lines(peer.host));
    const [request] = upstream.requests;
    return request ? judge(request.head, got?.status) : is(unasked(got));
  },
});

const H2C = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/** @type {Case[]} */
const doubtful = [
  shaken("a handshake with another site's `Origin`", () => handshake("https://evil.example"), SWITCH, (head) =>
    values(head, "origin").includes("https://evil.example") ? is("passed on with that `Origin`") : risk("passed on without that `Origin`"),
    { rule: "risk if the application can't see it" }),
  {
    name: "the same, with the cookie of somebody who is signed in",
    rule: "risk if the application is asked with a token",
    run: async ({ ask, peer, upstream }) => {
      const cookies = await peer.session();
      if (!cookies) return is("has no sessions");
      const got = await ask("GET /api/v1/socket HTTP/1.1", [...handshake("https://evil.example"), `Cookie: ${cookies}`]);
      return upstream.requests.length > 0 ? risk("passed on") : is(unasked(got));
    },
  },
  shaken("the application refuses with 403", (host) => handshake(`http://${host}`), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    (_, status) => (status === 403 ? is("its 403 arrives") : fault(status ? `${status} instead` : "no answer")), { rule: "fault if the client does not hear it" }),
  shaken("`Upgrade: h2c`, and the application agrees", () => ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"], H2C,
    (head, status) => (status === 101 ? risk("a tunnel past every rule") : is(values(head, "upgrade").length > 0 ? `passed on, then ${status ?? "closed"}` : "passed on as an ordinary request")),
    { rule: "risk if a tunnel opens: nothing in it is looked at" }),
  shaken("101 that nobody asked for", () => [], SWITCH, (_, status) => (status === 101 ? risk("a tunnel past every rule") : is(status ? `answered ${status}` : "closed")),
    { rule: "risk if a tunnel opens" }),
  shaken("a handshake by `POST`", (host) => [...handshake(`http://${host}`), "Content-Length: 0"], SWITCH,
    (_, status) => (status === 101 ? risk("a tunnel") : is(status ? `no socket, ${status}` : "closed")), { rule: "risk if a tunnel opens", start: "POST /shaken HTTP/1.1" }),
];

/** @type {Case} */
const hidden = {
  name: "a request sent in one packet with a handshake that the application refuses",
  rule: "risk if the application gets it past the guard",
  run: async ({ open, head, peer, upstream }) => {
    upstream.on("/refused", ({ wire }) => wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
    const wire = await open();
    await wire.send(head("GET /refused HTTP/1.1", handshake(`http://${peer.host}`)) + hiddenFor(peer.host));
    const first = await readAnswer(wire);
    const second = first && !wire.isOver ? await readAnswer(wire, { ms: QUIET }) : undefined;
    if (await within(200, () => upstream.requests.some(({ head }) => head.start.includes("/admin/hidden")))) return risk("passed on");
    return is(second ? `answered by itself, ${second.status}` : "the connection is closed");
  },
};

/** @type {import("../case.mjs").Group} */
export const sockets = {
  title: "Sockets",
  about: "WebSockets, from the handshake to the end.",
  cases: [...open, ...doubtful, hidden],
};
