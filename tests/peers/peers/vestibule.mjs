// @ts-check
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { answer } from "../upstream.mjs";
import { readBody } from "../message.mjs";
import { folder, freePort, said, serve } from "../programs.mjs";

const BUILD = process.env.VESTIBULE_BUILD ?? fileURLToPath(new URL("../../../target/debug", import.meta.url));

/** What the API of the sessions needs to answer, so that somebody can sign in.
 * @param {import("../upstream.mjs").Upstream} upstream */
function beApi(upstream) {
  const part = (/** @type {object} */ what) => Buffer.from(JSON.stringify(what)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const token = (/** @type {string} */ kind) => `${part({})}.${part({ sub: "ada", exp: now + 7200, iat: now, token_type: kind })}.c2ln`;
  const cookie = `Set-Cookie: refresh_token=${token("refresh")}; HttpOnly; Max-Age=604800; Path=/; SameSite=lax`;
  const user = { id: 1, name: "Ada", username: "ada", email: "ada@example.com", profile_image_url: "https://example.com/a.png", tier_id: null };
  const json = "Content-Type: application/json";
  upstream.on("/api/v1/login", async ({ wire, head }) => {
    await readBody(wire, head);
    await wire.send(answer(JSON.stringify({ access_token: token("access"), token_type: "bearer" }), [json, cookie]));
  }, true);
  upstream.on("/api/v1/user/me", async ({ wire }) => wire.send(answer(JSON.stringify(user), [json])), true);
  upstream.on("/health", async ({ wire }) => wire.send(answer("ok")), true);
}

/** The gateway, with an application behind it that is its API too.
 * @param {number} port of the application
 * @param {import("../upstream.mjs").Upstream} upstream
 * @returns {Promise<import("../programs.mjs").Peer>} */
export async function startVestibule(port, upstream) {
  beApi(upstream);
  const [listen, cwd, program] = [await freePort(), await folder(), join(BUILD, "vestibule")];
  const behind = `http://127.0.0.1:${port}`;
  const args = ["gateway", "--api", behind, "--ui", behind, "--site-listen", `127.0.0.1:${listen}`, "--data", cwd];
  args.push("--protect", "/admin/**", "--route", `/limited/** = ${behind} body-limit=1MiB`);
  const [, version] = /vestibule ([\d.]+)/.exec(await said(program, ["--version"])) ?? [];
  const { pid, end } = await serve(program, [...args, "--log", "error"], { port: listen, cwd });
  const host = `localhost:${listen}`;
  return { name: "Vestibule", version, port: listen, host, limit: 1 << 20, session: () => signIn(host), pid, end };
}

/** The cookies of somebody who has just signed in. @param {string} host */
async function signIn(host) {
  const body = new URLSearchParams({ username: "ada", password: "Str1ngst!" });
  const headers = { origin: `http://${host}`, "sec-fetch-site": "same-origin" };
  const response = await fetch(`http://${host}/login`, { method: "POST", body, headers, redirect: "manual" });
  const cookies = response.headers.getSetCookie().map((line) => line.split(";")[0]);
  if (cookies.length === 0) throw new Error(`nobody could sign in: ${response.status}`);
  return cookies.join("; ");
}
