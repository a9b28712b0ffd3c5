// @ts-check
/** Headers, both ways. @module */
import { fault, is, risk, unasked } from "../case.mjs";
import { status, values } from "../message.mjs";
import { answer } from "../upstream.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../message.mjs").Head} Head
 */

/** The word by which a value is known again. */
const WORD = "6.6.6.6";

/** A header of the client's, and whether the application gets it.
 * @param {string} name
 * @param {string[]} lines in which `WORD` stands
 * @param {((fact: string) => import("../case.mjs").Outcome) | undefined} passed what it is if it does
 * @param {string} [rule]
 * @returns {Case} */
const toward = (name, lines, passed = is, rule) => ({
  name,
  rule,
  run: async ({ ask, upstream }) => {
    const answer = await ask("GET /headers HTTP/1.1", lines);
    const [request] = upstream.requests;
    if (!request) return is(unasked(answer));
    const kept = request.head.headers.filter(([, value]) => value.includes(WORD));
    if (kept.length === 0) return is("dropped");
    const [[, value]] = kept;
    return passed(lines.some((line) => line.endsWith(`: ${value}`)) ? "passed on" : "passed on, with more behind it");
  },
});

/** A header of the application's, and whether the browser gets it.
 * @param {string} name
 * @param {string[]} lines
 * @param {(fact: string) => import("../case.mjs").Outcome} passed
 * @param {string} [rule]
 * @returns {Case} */
const back = (name, lines, passed, rule) => ({
  name,
  rule,
  run: async ({ ask, upstream }) => {
    upstream.on("/headers", ({ wire }) => wire.send(answer("ok", lines)));
    const got = await ask("GET /headers HTTP/1.1");
    if (!got) return fault("no answer");
    return got.head.headers.some(([, value]) => value.includes(WORD)) ? passed("passed on") : is("dropped");
  },
});

const named = "fault if it goes on: RFC 9110, 7.6.1";

/** @type {Case[]} */
const fromClients = [
  toward("`X-Forwarded-For`, made up", [`X-Forwarded-For: ${WORD}`], risk),
  toward("`X_Forwarded_For`, which some servers read as the same", [`X_Forwarded_For: ${WORD}`], risk),
  toward("`X-Real-IP`, made up", [`X-Real-IP: ${WORD}`], risk),
  toward("`Forwarded`, made up", [`Forwarded: for=${WORD}`], risk),
  toward("`X-Forwarded-Host`, made up", [`X-Forwarded-Host: ${WORD}`], risk),
  toward("`X-Forwarded-Proto`, made up", [`X-Forwarded-Proto: ${WORD}`], risk),
  toward("`X-User`, as proxies name who is signed in", [`X-User: ${WORD}`], risk),
  toward("`X-Auth-Request-Email`, the same", [`X-Auth-Request-Email: ${WORD}`], risk),
  toward("`Remote-User`, the same", [`Remote-User: ${WORD}`], risk),
  toward("`X-Original-URL`, which some frameworks route by", [`X-Original-URL: /${WORD}`], risk),
  toward("`X-HTTP-Method-Override`", [`X-HTTP-Method-Override: ${WORD}`], risk),
  toward("`Proxy`, which CGI takes for a setting", [`Proxy: http://${WORD}`], risk),
  toward("`x-middleware-subrequest`, which old Next.js believes", [`x-middleware-subrequest: ${WORD}`], risk),
  toward("`Authorization` of the client", [`Authorization: Bearer ${WORD}`], is),
  toward("an ordinary header", [`X-Colour: ${WORD}`], is),
  toward("`Connection: X-Colour`, and that header", ["Connection: X-Colour", `X-Colour: ${WORD}`], fault, named),
  toward("`Keep-Alive`, `Proxy-Connection`", [`Keep-Alive: ${WORD}`, `Proxy-Connection: ${WORD}`], fault, named),
  toward("`Proxy-Authorization`", [`Proxy-Authorization: Basic ${WORD}`], is),
  toward("`Upgrade` to a protocol that nobody knows", ["Connection: upgrade", `Upgrade: ${WORD}`], is),
];

/** A request that a careful limit may refuse.
 * @param {string} name
 * @param {string} target
 * @param {string[]} lines
 * @returns {Case} */
const sized = (name, target, lines) => ({
  name,
  run: async ({ ask, upstream }) => {
    const got = await ask(`GET ${target} HTTP/1.1`, lines);
    return is(upstream.requests.length > 0 ? "passed on" : unasked(got));
  },
});

/** @type {Case[]} */
const large = [
  sized("a target of 6 KiB", `/headers?q=${"x".repeat(6 * 1024)}`, []),
  sized("12 KiB of cookies, 3 KiB each", "/headers", [`Cookie: ${[..."abcd"].map((name) => `${name}=${"x".repeat(3 * 1024)}`).join("; ")}`]),
  sized("60 header lines", "/headers", Array.from({ length: 60 }, (_, index) => `X-Line-${index}: x`)),
  sized("120 header lines", "/headers", Array.from({ length: 120 }, (_, index) => `X-Line-${index}: x`)),
  {
    name: "12 KiB of headers of the application, in four `Set-Cookie`",
    rule: "fault if they do not arrive line by line",
    run: async ({ ask, upstream }) => {
      const lines = [..."abcd"].map((name) => `Set-Cookie: ${name}=${"x".repeat(3 * 1024)}; Path=/`);
      upstream.on("/headers", ({ wire }) => wire.send(answer("ok", lines)));
      const got = await ask("GET /headers HTTP/1.1");
      if (got?.status !== 200) return fault(unasked(got));
      const arrived = values(got.head, "set-cookie").length;
      return arrived === 4 ? is("four lines") : fault(`${arrived} lines`);
    },
  },
];

/** A `POST` by somebody without a session.
 * @param {string} name
 * @param {string[]} lines
 * @returns {Case} */
const posted = (name, lines) => ({
  name,
  run: async ({ ask, upstream }) => {
    const got = await ask("POST /headers HTTP/1.1", [...lines, "Content-Length: 2"], "{}");
    return is(upstream.requests.length > 0 ? "passed on" : unasked(got));
  },
});

/** @type {Case[]} */
const fromElsewhere = [
  posted("a `POST` without `Origin`, as another server's", []),
  posted("a `POST` from another site's page, by somebody without a session", ["Origin: https://elsewhere.example", "Sec-Fetch-Site: cross-site"]),
];

/** @type {Case[]} */
const aboutTheHost = [
  {
    name: "`Host` of another site",
    rule: "risk if the application is told of that host",
    run: async ({ ask, upstream }) => {
      const got = await ask("GET /headers HTTP/1.1", ["Host: evil.example"]);
      const [request] = upstream.requests;
      if (!request) return is(unasked(got));
      return request.head.headers.some(([, value]) => value.includes("evil.example")) ? risk("passed on") : is("passed on as the site's");
    },
  },
  {
    name: "`Connection: X-Forwarded-For`, so that the peer's own is dropped",
    rule: "risk if the application then hears of no client",
    run: async ({ ask, upstream }) => {
      const got = await ask("GET /headers HTTP/1.1", ["Connection: close, X-Forwarded-For, X-Forwarded-Proto"]);
      const [request] = upstream.requests;
      if (!request) return is(unasked(got));
      return values(request.head, "x-forwarded-for").length > 0 ? is("the peer's own is there") : risk("it is gone");
    },
  },
];

/** @type {Case[]} */
const fromTheApplication = [
  back("`Server: App/6.6.6.6` of the application", [`Server: App/${WORD}`], is),
  back("`Connection: X-Inner` of the application, and that header", ["Connection: X-Inner", `X-Inner: ${WORD}`], fault, named),
  back("`Set-Cookie` of the application", [`Set-Cookie: colour=${WORD}`], is),
  {
    name: "what the peer says of itself",
    rule: "risk if it names its version",
    run: async ({ ask }) => {
      const got = await ask("GET /headers HTTP/1.1");
      if (!got) return fault("no answer");
      const said = ["server", "via", "x-powered-by"].flatMap((name) => values(got.head, name).map((value) => `\`${name}: ${value}\``));
      const fact = said.length > 0 ? said.join(", ") : "nothing";
      return /\d\.\d+\.\d/.test(fact) ? risk(fact) : is(fact);
    },
  },
];

const none = is("has no sessions");

/** @type {Case[]} */
const ofSessions = [
  {
    name: "the session's cookie, on its way to the application",
    rule: "risk if the application gets it",
    run: async ({ ask, peer, upstream }) => {
      const cookies = await peer.session();
      if (!cookies) return none;
      await ask("GET /headers HTTP/1.1", [`Cookie: colour=blue; ${cookies}`]);
      const [line = ""] = values(upstream.requests[0].head, "cookie");
      const isKept = cookies.split("; ").some((cookie) => line.includes(cookie));
      if (isKept) return risk("passed on");
      return line.includes("colour=blue") ? is("taken out, others pass") : fault("every cookie is dropped");
    },
  },
  {
    name: "a token cookie of the API, on its way to the browser",
    rule: "risk if the browser gets it",
    run: async ({ ask, peer, upstream }) => {
      const cookies = await peer.session();
      if (!cookies) return none;
      upstream.on("/api/v1/x", ({ wire }) => wire.send(answer("ok", [`Set-Cookie: refresh_token=${WORD}; HttpOnly; Path=/`])));
      const got = await ask("GET /api/v1/x HTTP/1.1", [`Cookie: ${cookies}`]);
      if (!got || status(got.head) !== 200) return fault(unasked(got));
      return values(got.head, "set-cookie").some((line) => line.includes(WORD)) ? risk("passed on") : is("dropped");
    },
  },
  {
    name: "`Authorization` of the client beside a session, on its way to the API",
    rule: "risk if the API gets the client's",
    run: async ({ ask, peer, upstream }) => {
      const cookies = await peer.session();
      if (!cookies) return none;
      await ask("GET /api/v1/x HTTP/1.1", [`Cookie: ${cookies}`, `Authorization: Bearer ${WORD}`]);
      const lines = values(upstream.requests[0].head, "authorization");
      if (lines.some((line) => line.includes(WORD))) return risk("passed on");
      return lines.length === 1 ? is("the session's token instead") : fault("no token");
    },
  },
];

/** @type {import("../case.mjs").Group} */
export const headers = {
  title: "Headers",
  about:
    "What the application hears of a client, and the client of the application. Risk if the application gets what a client makes up " +
    "under a name by which proxies and frameworks speak to it: the first thirteen rows.",
  cases: [...fromClients, ...aboutTheHost, ...fromElsewhere, ...large, ...fromTheApplication, ...ofSessions],
};
