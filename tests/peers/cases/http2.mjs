// @ts-check
/** Requests in HTTP/2 that become another request in HTTP/1.1. @module */
import { fault, is, risk, within } from "../case.mjs";
import { askH2 } from "../http2.mjs";
import { values } from "../message.mjs";
import { doubts, hidden } from "./framing.mjs";

/**
 * @typedef {import("../upstream.mjs").Exchange} Exchange
 * @typedef {[string, string][]} Fields
 * @typedef {import("../case.mjs").Outcome} Outcome
 */

/** Stands for a hidden request. */
const HIDDEN = "HIDDEN";

/** @param {Exchange[]} requests
 * @returns {Outcome} */
function judge(requests) {
  const [request] = requests;
  if (requests.some(({ head }) => head.start.includes("/hidden"))) return risk("read as two requests");
  if (/x-injected/i.test(request.head.raw.replaceAll(/^x-colour:.*$/gim, ""))) return risk("a header is smuggled in");
  const found = doubts(request.head.raw);
  if (found.length > 0) return risk(`passed on, with ${found.join(", ")}`);
  if (!request.body?.isWhole) return is("broken off");
  return is("one request passed on");
}

/** @param {string} name
 * @param {Fields} fields besides the usual ones, or in place of them
 * @param {{ body?: string, must?: string, judged?: (request: Exchange) => Outcome, rule?: string }} [options]
 * @returns {import("../case.mjs").Case} */
const h2 = (name, fields, { body, must, judged, rule } = {}) => ({
  name,
  rule: rule ?? (must && `fault unless refused: ${must}`),
  run: async ({ open, peer, upstream }) => {
    const usual = /** @type {Fields} */ ([[":method", body === undefined ? "GET" : "POST"], [":scheme", "http"], [":path", "/h2"], [":authority", peer.host]]);
    const all = [...usual.filter(([name]) => !fields.some(([other]) => other === name)), ...fields];
    // Those with a colon come first (RFC 9113, 8.3).
    all.sort(([one], [other]) => Number(other.startsWith(":")) - Number(one.startsWith(":")));
    const { status, end } = await askH2(await open(), all, body?.replace(HIDDEN, hidden(peer.host)));
    await within(100, () => upstream.requests.length > 0);
    await within(500, () => upstream.requests.every(({ body }) => body !== undefined));
    const [request] = upstream.requests;
    if (!request) return is(end ?? (Number(status) >= 400 ? `refused ${status}` : `answered ${status}, not passed on`));
    const outcome = judged?.(request) ?? judge(upstream.requests);
    return must && !outcome.mark ? fault(outcome.fact) : outcome;
  },
});

/** Browsers send each cookie in a field of its own. @type {import("../case.mjs").Case} */
const ofSession = {
  name: "the session's cookie in a field of its own, behind another one",
  rule: "fault if nobody is signed in",
  run: async ({ open, peer, upstream }) => {
    const cookies = await peer.session();
    if (!cookies) return is("has no sessions");
    const fields = ["colour=blue", ...cookies.split("; ")].map((cookie) => /** @type {[string, string]} */ (["cookie", cookie]));
    const { status, end } = await askH2(await open(), [[":method", "GET"], [":scheme", "http"], [":path", "/api/v1/x"], [":authority", peer.host], ...fields]);
    const [request] = upstream.requests;
    if (!request) return fault(end ?? `answered ${status}`);
    return values(request.head, "authorization").length === 1 ? is("signed in") : fault("nobody is signed in");
  },
};

const malformed = "RFC 9113, 8.2";

/** @type {import("../case.mjs").Group} */
export const http2 = {
  title: "HTTP/2 in front, HTTP/1.1 behind",
  about: "Without TLS, known beforehand. Risk if the application gets a head on which two servers may disagree, a header that was part of another one, or a request that was part of a body.",
  cases: [
    h2("an ordinary request", []),
    h2("`cookie` in two fields", [["cookie", "a=1"], ["cookie", "b=2"]], {
      rule: "fault unless they become one line: RFC 9113, 8.2.3",
      judged: ({ head }) => {
        const lines = values(head, "cookie");
        return lines.length === 1 && lines[0] === "a=1; b=2" ? is("one line") : fault(lines.length === 0 ? "dropped" : `${lines.length} lines`);
      },
    }),
    ofSession,
    h2("`connection: close`", [["connection", "close"]], { must: "RFC 9113, 8.2.2" }),
    h2("`transfer-encoding: chunked`", [["transfer-encoding", "chunked"]], { body: `0\r\n\r\n${HIDDEN}`, must: "RFC 9113, 8.2.2" }),
    h2("a `content-length` that is too small", [["content-length", "0"]], { body: HIDDEN, must: "RFC 9113, 8.1.1" }),
    h2("a `content-length` that is too large", [["content-length", "99"]], {
      body: "data",
      rule: "fault if the application takes it for whole: RFC 9113, 8.1.1",
      judged: ({ body }) => (body?.isWhole ? fault("it looks whole") : is("broken off")),
    }),
    h2("CR LF within a value", [["x-colour", "blue\r\nX-Injected: 1"]], { must: malformed }),
    h2("LF within a value", [["x-colour", "blue\nX-Injected: 1"]], { must: malformed }),
    h2("a colon within a name", [["x-injected: 1\r\nx-colour", "blue"]], { must: malformed }),
    h2("upper case in a name", [["X-Colour", "blue"]], { must: malformed }),
    h2("a blank and CR LF within `:path`", [[":path", "/h2 HTTP/1.1\r\nX-Injected: 1\r\nX-Rest: "]]),
    h2("a blank within `:method`", [[":method", "GET /hidden HTTP/1.1\r\nX-Rest:"]]),
    h2("`:path` twice", [[":path", "/h2"], [":path", "/h2/hidden"]], { must: "RFC 9113, 8.3" }),
    h2("`host` that differs from `:authority`", [["host", "evil.example"]], {
      rule: "risk if the application hears of it",
      judged: ({ head }) => (/evil\.example/.test(head.raw) ? risk("passed on") : is("dropped")),
    }),
  ],
};
