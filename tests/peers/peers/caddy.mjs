// @ts-check
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { folder, freePort, installed, said, serve } from "../programs.mjs";

/** @param {number} port
 * @param {number} upstream */
const configuration = (port, upstream) => `
{
  admin off
  auto_https off
  servers {
    protocols h1 h2c
  }
}
http://localhost:${port} {
  bind 127.0.0.1
  encode gzip
  request_body /limited/* {
    max_size 1MiB
  }
  @admin path /admin /admin/*
  respond @admin 403
  reverse_proxy 127.0.0.1:${upstream}
}
`;

/** Caddy as its documentation has it.
 * @param {number} upstream
 * @returns {Promise<import("../programs.mjs").Peer>} */
export async function startCaddy(upstream) {
  const [port, cwd] = [await freePort(), await folder()];
  await writeFile(join(cwd, "Caddyfile"), configuration(port, upstream));
  const program = installed("caddy");
  const [, version] = /v?([\d.]+)/.exec(await said(program, ["version"])) ?? [];
  const env = { HOME: cwd, XDG_DATA_HOME: cwd, XDG_CONFIG_HOME: cwd };
  const { pid, end } = await serve(program, ["run", "--config", join(cwd, "Caddyfile")], { port, cwd, env });
  return { name: "Caddy", version, port, host: `localhost:${port}`, limit: 1 << 20, session: async () => undefined, pid, end };
}
