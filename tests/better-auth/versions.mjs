// @ts-check
/**
 * The versions of Better Auth that are played: the newest patch of each minor version since 1.4.
 * @module
 */
import { readFileSync } from "node:fs";

/** Oldest first; each is installed under a name of its own: a new one is a line in package.json and its number here. */
export const VERSIONS = /** @type {const} */ (["1.4", "1.5", "1.6", "1.7"]);

/** @typedef {typeof VERSIONS[number]} Version */

/** What the table of a single column is made with. */
export const NEWEST = VERSIONS[VERSIONS.length - 1];

/** The name under which a version is installed. @param {string} version */
const installed = (version) => `better-auth-${version.replace(".", "-")}`;

/** With its patch: `1.7.25`. @param {Version} version @returns {string} */
export function patch(version) {
  const file = new URL(`node_modules/${installed(version)}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/**
 * A client as an application makes it, with the plugin for usernames.
 * @typedef {ReturnType<typeof newest>} Client
 * @param {typeof import("better-auth-1-7/client").createAuthClient} createAuthClient
 * @param {typeof import("better-auth-1-7/client/plugins").usernameClient} usernameClient
 * @param {string} site
 * @param {typeof fetch} send
 */
const newest = (createAuthClient, usernameClient, site, send) =>
  createAuthClient({ baseURL: site, plugins: [usernameClient()], fetchOptions: { customFetchImpl: send } });

/** How to make clients of a version: all are used through the types of the newest.
 * @param {Version} version
 * @returns {Promise<(site: string, send: typeof fetch) => Client>} */
export async function clients(version) {
  // Without a window it takes itself for part of a server, and its session atom for something that is never shown.
  Object.assign(globalThis, { window: {} });
  const { createAuthClient } = await import(`${installed(version)}/client`);
  const { usernameClient } = await import(`${installed(version)}/client/plugins`);
  return (site, send) => newest(createAuthClient, usernameClient, site, send);
}

/** The parts of a version's server.
 * @param {string} version
 * @returns {Promise<Pick<typeof import("better-auth-1-7"), "betterAuth"> & Pick<typeof import("better-auth-1-7/plugins"), "username">
 *   & Pick<typeof import("better-auth-1-7/node"), "toNodeHandler"> & Pick<typeof import("better-auth-1-7/adapters/memory"), "memoryAdapter">>} */
export async function serverParts(version) {
  const part = (/** @type {string} */ name) => import(`${installed(version)}${name}`);
  const [{ betterAuth }, { username }] = [await part(""), await part("/plugins")];
  const [{ toNodeHandler }, { memoryAdapter }] = [await part("/node"), await part("/adapters/memory")];
  return { betterAuth, username, toNodeHandler, memoryAdapter };
}
