// @ts-check
/** Paths that two readers read differently. @module */
import { fault, is, risk, unasked } from "../case.mjs";
import { target } from "../message.mjs";

/** Everything that some server makes of a path: decoded not at all, once or twice, with `;parameters` or without, with
 * double slashes or single ones, and `.` and `..` resolved.
 * @param {string} path */
function readings(path) {
  const once = decoded(path);
  const texts = [path, once, decoded(once)].flatMap((text) => [text, text.replaceAll("\\", "/").replaceAll(/;[^/]*/g, "")]);
  return texts.flatMap((text) => [resolved(text), resolved(text.replaceAll(/\/+/g, "/"))]);
}

/** @param {string} path */
const decoded = (path) => path.replaceAll(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));

/** @param {string} path */
function resolved(path) {
  /** @type {string[]} */
  const kept = [];
  for (const segment of path.split("/").slice(1)) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

/** @param {string} sent the request's target
 * @param {string} [shown] how it is called in the table
 * @returns {import("../case.mjs").Case} */
const path = (sent, shown = `\`${sent}\``) => ({
  name: shown,
  run: async ({ ask, upstream }) => {
    const got = await ask(`GET ${sent} HTTP/1.1`);
    const [request] = upstream.requests;
    if (!request) return is(unasked(got));
    const arrived = target(request.head);
    const isBelowAdmin = readings(arrived.split("?")[0]).some((reading) => /^\/admin(\/|$)/.test(reading));
    const fact = `as \`${arrived}\``;
    return isBelowAdmin ? risk(fact) : is(fact);
  },
});

/** A target that nobody has to fear. @param {string} sent @param {string} why @returns {import("../case.mjs").Case} */
const harmless = (sent, why) => ({
  name: `\`${sent}\`, ${why}`,
  rule: "fault if it is changed",
  run: async ({ ask, upstream }) => {
    const got = await ask(`GET ${sent} HTTP/1.1`);
    const [request] = upstream.requests;
    if (!request) return is(unasked(got));
    return target(request.head) === sent ? is("as it is") : fault(`as \`${target(request.head)}\``);
  },
});

/** @type {import("../case.mjs").Group} */
export const paths = {
  title: "Paths",
  about:
    "Each peer is told to keep strangers out of `/admin`; a stranger asks. The table says what path the application got, if any. " +
    "Risk if some usual server reads that as below `/admin`: decoded up to twice, without `;parameters`, backslashes and double slashes as single ones, dots resolved.",
  cases: [
    path("/admin/x"),
    path("/a/../admin/x"),
    path("/./admin/x"),
    path("//admin/x"),
    path("/%61dmin/x"),
    path("/a/%2e%2e/admin/x"),
    path("/a/..%2fadmin/x"),
    path("/admin%2fx"),
    path("/a%2f..%2fadmin%2fx"),
    path("/admin;v=1/x"),
    path("/a/..;/admin/x"),
    path("/a/..\\admin/x", "`/a/..\\admin/x`"),
    path("/a/%252e%252e/admin/x"),
    path("/%2561dmin/x"),
    path("/admin%00/x"),
    path("/admin%/x"),
    path("/a/../../b"),
    path("http://evil.example/admin/x"),
    harmless("/caf%C3%A9/%E4%BD%A0", "letters of other scripts"),
    harmless("/a%20b/c+d/~e/@f/:g,(h)'!*", "what a path may have"),
    harmless("/a?x=%2F%2E%2E&x=2&y=a+b&z", "a query as forms make it"),
    harmless("/a?next=/b//c/../d?e", "a query that looks like a path"),
    harmless("/projects/group%2Fname", "as GitLab's API wants it"),
    harmless("/https://example.com/a", "as services that fetch pages want it"),
  ],
};
