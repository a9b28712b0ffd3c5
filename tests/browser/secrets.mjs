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

/** What is never told to a browser: a signed token or part of one, in any reading. The shortest part is longer than a random name of Next.js, of
 * 22 characters, which may have any three in it.
 * @param {string} text */
export const hasToken = (text) =>
  readings(text).some((reading) => /eyJ[\w-]{20,}|"alg"\s*:|"jti"\s*:|"token_type"|access_token|refresh_token|Bearer /.test(reading));
