// @ts-check
// The calls that an existing client makes of the API, as its `fastapi-auth.ts` makes them from a server:
// FormData for the login, no slash after /user/me, no cookie jar.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startReal } from "./servers.mjs";

/** @type {Awaited<ReturnType<typeof startReal>>} */
let server;
/** Where the client looks: the API's address without /api/v1. */
let url = "";

before(async () => {
  server = await startReal();
  url = server.api.replace("/api/v1", "");
});
after(() => server.end());

/** @param {string} username @param {string} password */
async function loginToFastAPI(username, password) {
  const formData = new FormData();
  formData.append("username", username);
  formData.append("password", password);
  const response = await fetch(`${url}/api/v1/login`, { method: "POST", body: formData, credentials: "include" });
  if (!response.ok) return null;
  const tokens = await response.json();
  const user = await getUserFromFastAPI(tokens.access_token);
  return user && { user, accessToken: tokens.access_token, cookies: response.headers.getSetCookie() };
}

/** @param {{ name: string, username: string, email: string, password: string }} data */
async function registerToFastAPI(data) {
  const response = await fetch(`${url}/api/v1/user`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data),
  });
  return response.ok ? response.json() : null;
}

/** @param {string} accessToken */
async function getUserFromFastAPI(accessToken) {
  const response = await fetch(`${url}/api/v1/user/me`, { headers: { Authorization: `Bearer ${accessToken}` } });
  return response.ok ? response.json() : null;
}

/** @param {string} [cookie] what a cookie jar would send */
async function refreshTokenFromFastAPI(cookie) {
  const headers = cookie ? { Cookie: cookie } : undefined;
  const response = await fetch(`${url}/api/v1/refresh`, { method: "POST", headers, credentials: "include" });
  return response.ok ? (await response.json()).access_token : null;
}

/** @param {string} accessToken */
async function logoutFromFastAPI(accessToken) {
  const headers = { Authorization: `Bearer ${accessToken}` };
  const response = await fetch(`${url}/api/v1/logout`, { method: "POST", headers, credentials: "include" });
  return response.ok;
}

test("an existing client registers, signs in, reads, refreshes and signs out", async () => {
  const data = { name: "Ada Lovelace", username: "ada", email: "ada@example.com", password: "Str1ngst!" };
  const user = await registerToFastAPI(data);
  assert.deepEqual(Object.keys(user), ["id", "name", "username", "email", "profile_image_url", "tier_id"]);
  assert.equal(await registerToFastAPI(data), null);
  assert.equal(await loginToFastAPI("ada", "wrong"), null);

  const login = await loginToFastAPI("ada@example.com", "Str1ngst!");
  assert.ok(login);
  const { created_at, updated_at, email_verified, ...known } = login.user;
  assert.deepEqual(known, user);
  assert.deepEqual(Object.keys(login.user).slice(0, 6), Object.keys(user), "what is new comes behind");
  assert.ok(created_at && updated_at === created_at && email_verified === false);
  const [cookie] = login.cookies[0].split(";");
  assert.match(cookie, /^refresh_token=/);

  assert.equal(await refreshTokenFromFastAPI(), null, "without a jar there is nothing to refresh with");
  const refreshed = await refreshTokenFromFastAPI(cookie);
  assert.deepEqual(await getUserFromFastAPI(refreshed), login.user);

  assert.equal(await logoutFromFastAPI(refreshed), true, "the bearer token alone is enough");
  assert.equal(await getUserFromFastAPI(login.accessToken), null);
  assert.equal(await refreshTokenFromFastAPI(cookie), null);
});
