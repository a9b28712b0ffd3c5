// @ts-check
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { folder, freePort, said, serve } from "../programs.mjs";

const APP = fileURLToPath(new URL("../next-app", import.meta.url));

/** `next start` of an application whose rewrites lead to `upstream`: built for it, since they are fixed then.
 * @param {number} upstream
 * @returns {Promise<import("../programs.mjs").Peer>} */
export async function startNext(upstream) {
  const [port, cwd] = [await freePort(), await folder()];
  const env = { NEXT_TELEMETRY_DISABLED: "1", UPSTREAM: `http://127.0.0.1:${upstream}`, HOME: cwd, NODE_ENV: "production" };
  const next = `${APP}/node_modules/next/dist/bin/next`;
  await said(process.execPath, [next, "build", APP], { env: { PATH: process.env.PATH, ...env } });
  const { version } = JSON.parse(await readFile(`${APP}/node_modules/next/package.json`, "utf8"));
  const args = [next, "start", APP, "--port", String(port), "--hostname", "127.0.0.1"];
  const { pid, end } = await serve(process.execPath, args, { port, cwd, env });
  return { name: "Next.js rewrites", version, port, host: `localhost:${port}`, limit: undefined, session: async () => undefined, pid, end };
}
