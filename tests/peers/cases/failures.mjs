// @ts-check
/** An application that is down, breaks off, or says things that make no sense. @module */
import { fault, is, risk, unasked } from "../case.mjs";
import { readAnswer, readBody } from "../message.mjs";
import { answer } from "../upstream.mjs";
import { pause, QUIET } from "../wire.mjs";

/** @typedef {import("../case.mjs").Case} Case */

/** An answer that can be read in two ways, or in none.
 * @param {string} name
 * @param {string} raw
 * @returns {Case} */
const said = (name, raw) => ({
  name,
  isLast: true,
  run: async ({ ask, upstream }) => {
    upstream.on("/said", async ({ wire }) => {
      await wire.send(raw);
      await pause(50);
      wire.close();
      return "taken";
    });
    const got = await ask("GET /said HTTP/1.1");
    if (!got) return is("closed without an answer");
    if (got.status >= 500) return is(`answered ${got.status}`);
    return got.isWhole ? fault(`it looks whole: ${got.status}, ${got.data.length} bytes`) : is("broken off");
  },
});

/** An answer that could be taken for two.
 * @param {string} name
 * @param {string} raw
 * @returns {Case} */
const split = (name, raw) => ({
  name,
  isLast: true,
  run: async ({ send, upstream }) => {
    upstream.on("/split", ({ wire }) => wire.send(raw));
    const wire = await send("GET /split HTTP/1.1");
    const got = await readAnswer(wire, { ms: 2000 });
    if (!got) return is("closed without an answer");
    if (got.status >= 500) return is(`answered ${got.status}`);
    const isDouble = /^content-length:/im.test(got.head.raw) && /^transfer-encoding:/im.test(got.head.raw);
    const lengths = (got.head.raw.match(/^content-length:/gim) ?? []).length;
    const second = wire.isOver ? undefined : await readAnswer(wire, { ms: QUIET });
    if (second) return risk("two answers");
    if (isDouble || lengths > 1 || /\n[ \t]|\r(?!\n)/.test(got.head.raw)) return risk("passed on as it is");
    return is(`one answer, read in one way: ${JSON.stringify(got.data)}`);
  },
});

const inner = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden";

/** A connection that the application ends while it is idle, or just when it is used again.
 * @param {string} name
 * @param {string} method
 * @param {"before" | "then"} when
 * @returns {Case} */
const race = (name, method, when) => ({
  name,
  rule: method === "GET" ? "fault if the client gets an error" : "fault if the application gets it twice",
  isLast: true,
  run: async ({ ask, upstream }) => {
    let [count, kept] = [0, -1];
    upstream.on("/race", async ({ wire, head, connection }) => {
      await readBody(wire, head);
      count += 1;
      if (when === "then" && connection === kept) {
        wire.close();
        return "taken";
      }
      return wire.send(answer("ok"));
    });
    upstream.on("/race/first", async ({ wire, connection }) => {
      kept = connection;
      return wire.send(answer("ok"));
    });
    await ask("GET /race/first HTTP/1.1");
    await pause(50);
    if (when === "before") {
      upstream.closeIdle();
      await pause(50);
    }
    const body = method === "POST" ? "data" : "";
    const got = await ask(`${method} /race HTTP/1.1`, body ? ["Content-Length: 4"] : [], body);
    const kind = got?.status === 200 ? "200" : unasked(got);
    if (count > 1 && method === "POST") return fault(`${kind}, and the application got it twice`);
    if (method === "GET" && got?.status !== 200) return fault(kind);
    return is(kind === "200" ? "200" : `${kind}, sent once`);
  },
});

/** @type {Case[]} */
const down = [
  {
    name: "the application is down",
    isLast: true,
    run: async ({ ask, upstream }) => {
      await upstream.down();
      const got = await ask("GET /down HTTP/1.1");
      await upstream.up();
      return is(got ? `answered ${got.status}` : "closed without an answer");
    },
  },
  {
    name: "it is back again, a tenth of a second later",
    rule: "fault if the client gets an error",
    isLast: true,
    run: async ({ ask, upstream }) => {
      await upstream.down();
      for (let asked = 0; asked < 8; asked++) await ask("GET /down HTTP/1.1");
      await upstream.up();
      await pause(100);
      const got = await ask("GET /up HTTP/1.1");
      return got?.status === 200 ? is("200") : fault(unasked(got));
    },
  },
  {
    name: "it takes the request and closes without an answer",
    isLast: true,
    run: async ({ ask, upstream }) => {
      upstream.on("/mute", async ({ wire }) => {
        wire.close();
        return "taken";
      });
      const got = await ask("POST /mute HTTP/1.1", ["Content-Length: 4"], "data");
      const times = upstream.requests.length;
      if (times > 1) return fault(`asked ${times} times`);
      return is(got ? `answered ${got.status}` : "closed without an answer");
    },
    rule: "fault if a `POST` is sent again",
  },
];

/** @type {import("../case.mjs").Group} */
export const failures = {
  title: "Failures",
  about:
    "An application that is down, breaks off, or says what makes no sense. Fault if the client takes for whole what is not; " +
    "risk if it gets what can be read in two ways, or two answers.",
  cases: [
    ...down,
    said("it breaks off in the middle of a length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata"),
    said("it breaks off in the head", "HTTP/1.1 200 OK\r\nContent-Le"),
    said("it does not speak HTTP", "SSH-2.0-OpenSSH_9.2\r\n"),
    said("a chunk's size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ndata\r\n0\r\n\r\n"),
    said("`Transfer-Encoding: gzip` alone", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\ndata"),
    split("both lengths", `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`),
    split("two different lengths", `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: ${2 + inner.length}\r\n\r\nok${inner}`),
    split("an answer behind its answer", `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${inner}`),
    split("a folded header line", "HTTP/1.1 200 OK\r\nX-Colour: blue\r\n green\r\nContent-Length: 2\r\n\r\nok"),
    split("a CR alone within a value", "HTTP/1.1 200 OK\r\nX-Colour: blue\rSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"),
    race("an idle connection that the application has closed, then `GET`", "GET", "before"),
    race("the same, then `POST`", "POST", "before"),
    race("one that it closes when the next `GET` comes", "GET", "then"),
    race("one that it closes when the next `POST` comes", "POST", "then"),
  ],
};
