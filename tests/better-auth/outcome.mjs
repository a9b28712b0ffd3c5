// @ts-check
/**
 * What a client can see of an answer, in a form in which answers of two servers can be compared.
 * @module
 */

/**
 * `data` is a description: see {@link described}. A call that was refused has `code` and `message` instead, each only if it was sent.
 * @typedef {{ status: number, data?: unknown, code?: string, message?: string }} Outcome
 */

/** It succeeded, with this data. @param {unknown} data @param {number} [status] @returns {Outcome} */
export const ok = (data, status = 200) => ({ status, data });

/** It was refused; without `message`, with whatever words.
 * @param {number} status
 * @param {string} [code]
 * @param {string} [message]
 * @returns {Outcome} */
export const refused = (status, code, message) => ({ status, ...(code !== undefined && { code }), ...(message !== undefined && { message }) });

/** What came of a call of the client.
 * @param {{ data: unknown, error: null | { status: number, code?: string, message?: string } }} result */
export function ofCall({ data, error }, site = "") {
  return error ? refused(error.status, error.code, error.message) : ok(described(data, site));
}

/** What came of a request that no client would send. @param {Response} response @returns {Promise<Outcome>} */
export async function ofResponse(response, site = "") {
  const { status } = response;
  const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
  const text = await response.text();
  if (text === "" && status >= 400) return refused(status);
  if (type !== "application/json") return { status, data: `text of type ${type}` };
  const body = JSON.parse(text, (_, value) => (typeof value === "string" && DATE.test(value) ? new Date(value) : value));
  return status < 400 ? ok(described(body, site), status) : refused(status, body.code, body.message);
}

// The one spelling of a time that all clients read alike.
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// What a server makes up: that it is text, and not which, is what can be compared.
const MADE_UP = new Set(["id", "token", "userId", "accountId"]);

/** Data with everything in place that is the same on every run: text as it is, but for what a server makes up (`string`); times by
 * their distance from now; keys in order.
 * @param {unknown} data
 * @param {string} site
 * @param {string} [key]
 * @returns {unknown} */
function described(data, site, key = "") {
  if (data instanceof Date) return distance(data);
  if (Array.isArray(data)) return data.map((one) => described(one, site));
  if (typeof data === "string") return MADE_UP.has(key) && data !== "" ? "string" : data.replaceAll(site, "SITE");
  if (typeof data === "number") return "number";
  if (typeof data !== "object" || data === null) return data;
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.sort().map(([name, value]) => [name, described(value, site, name)]));
}

const MINUTE = 60;

/** `now`, `in 7 days`, `in 12 hours`: whole hours, with a minute's grace for a busy machine. @param {Date} date */
function distance(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const hours = Math.round(seconds / 60 / MINUTE);
  if (!(Math.abs(seconds - hours * 60 * MINUTE) <= MINUTE)) return `at ${String(date)}`;
  if (hours === 0) return "now";
  return hours % 24 === 0 && hours > 24 ? `in ${hours / 24} days` : `in ${hours} hours`;
}

/**
 * One place where two outcomes differ. `at` is `answer` if one was refused and the other was not, else a path such as `code`, `data.user.image`; of what is not
 * there at all, the value is `absent`.
 * @typedef {{ at: string, theirs: unknown, ours: unknown }} Difference
 */

/** Where two outcomes differ.
 * @param {Outcome | undefined} theirs
 * @param {Outcome | undefined} ours
 * @returns {Difference[]} */
export function differences(theirs, ours) {
  const isRefusal = (/** @type {Outcome | undefined} */ of) => of !== undefined && of.status >= 400;
  if (!theirs || !ours || isRefusal(theirs) !== isRefusal(ours)) {
    return theirs === ours ? [] : [{ at: "answer", theirs: inShort(theirs), ours: inShort(ours) }];
  }
  return between(theirs, ours, "");
}

/** `200`, `400 INVALID_USERNAME`. @param {Outcome | undefined} outcome */
export function inShort(outcome) {
  return outcome ? [outcome.status, outcome.code].join(" ").trim() : "absent";
}

/** @param {unknown} theirs @param {unknown} ours @param {string} at @returns {Difference[]} */
function between(theirs, ours, at) {
  if (isTree(theirs) && isTree(ours) && Array.isArray(theirs) === Array.isArray(ours)) {
    const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].sort();
    return keys.flatMap((key) => between(branch(theirs, key), branch(ours, key), at === "" ? key : `${at}.${key}`));
  }
  return theirs === ours ? [] : [{ at, theirs: leaf(theirs), ours: leaf(ours) }];
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isTree = (value) => typeof value === "object" && value !== null;

/** @param {Record<string, unknown>} tree @param {string} key */
const branch = (tree, key) => (Object.hasOwn(tree, key) ? tree[key] : "absent");

/** @param {unknown} value */
const leaf = (value) => (isTree(value) ? JSON.stringify(value) : value);
