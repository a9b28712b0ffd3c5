// @ts-check
/**
 * What no page is ever told, and where a page could have it.
 * @module
 */

/** What a script of the page could get hold of.
 * @param {import("playwright-core").Page} page */
export const inReach = (page) =>
  page.evaluate(async () => ({
    cookies: document.cookie,
    storage: JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]),
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    page: document.documentElement.outerHTML,
    globals: JSON.stringify(Object.values(window).filter((value) => typeof value === "string")),
  }));

/** Every text that is in this one: itself, and what its longer words are in base64, twice over.
 * @param {string} text
 * @returns {string[]} */
function readings(text, depth = 2) {
  const words = depth > 0 ? (text.match(/[\w+/-]{16,}/g) ?? []) : [];
  const inner = words.map((word) => Buffer.from(word.replaceAll("-", "+").replaceAll("_", "/"), "base64").toString("latin1"));
  return [text, ...inner.flatMap((text) => readings(text, depth - 1))];
}

/** Whether a word is the beginning of JSON in base64url, as header and claims of a JWT are. A random name that has `eyJ` in it goes on with bytes
 * that are no text.
 * @param {string} word */
const isJson = (word) => /^\{"[\x20-\x7e]{6}/.test(Buffer.from(word, "base64url").toString("latin1"));

/** What is never told to a browser: a signed token or part of one, in any reading.
 * @param {string} text */
export const hasToken = (text) =>
  readings(text).some(
    (reading) =>
      (reading.match(/eyJ[\w-]{8,}/g) ?? []).some(isJson) || /"alg"\s*:|"jti"\s*:|"token_type"|access_token|refresh_token|Bearer /.test(reading),
  );
