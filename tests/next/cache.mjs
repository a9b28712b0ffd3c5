// @ts-check
/**
 * A shared cache, as small as one can be that does what RFC 9111 asks of it: it keeps what an answer lets it keep, and answers
 * from that. It passes everything on under the name of the site that it stands in front of.
 * @module
 */
import { once } from "node:events";
import { createServer, request } from "node:http";

/** @typedef {{ status: number, headers: import("node:http").IncomingHttpHeaders, body: Buffer, vary: string }} Kept */

/** Starts one in front of `site`.
 * @param {string} site */
export async function startCache(site) {
  const { host } = new URL(site);
  /** @type {Map<string, Kept[]>} */
  const kept = new Map();
  let hits = 0;

  const server = createServer((asked, answer) => {
    const key = asked.url ?? "/";
    const found = asked.method === "GET" && kept.get(key)?.find(({ headers, vary }) => vary === varying(headers, asked.headers));
    if (found) {
      hits += 1;
      answer.writeHead(found.status, found.headers).end(found.body);
      return;
    }
    const onwards = request(site + key, { method: asked.method, headers: { ...asked.headers, host } }, async (got) => {
      const parts = [];
      for await (const part of got) parts.push(part);
      const body = Buffer.concat(parts);
      const { statusCode: status = 502, headers } = got;
      if (asked.method === "GET" && mayKeep(status, headers)) {
        kept.set(key, [...(kept.get(key) ?? []), { status, headers, body, vary: varying(headers, asked.headers) }]);
      }
      answer.writeHead(status, headers).end(body);
    });
    onwards.on("error", () => answer.writeHead(502).end());
    asked.pipe(onwards);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://localhost:${port}`,
    /** How many requests were answered from what was kept. */
    hits: () => hits,
    /** The paths that are kept with a cookie in them. */
    cookiesKept: () => [...kept].filter(([, all]) => all.some(({ headers }) => headers["set-cookie"])).map(([path]) => path),
    end: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** RFC 9111, 3: a shared cache keeps what says for how long, and neither `private` nor `no-store`.
 * @param {number} status
 * @param {import("node:http").IncomingHttpHeaders} headers */
function mayKeep(status, headers) {
  const control = headers["cache-control"] ?? "";
  const life = /s-maxage=(\d+)/.exec(control) ?? /max-age=(\d+)/.exec(control);
  return [200, 204, 301, 308].includes(status) && !/private|no-store|no-cache/.test(control) && Number(life?.[1] ?? 0) > 0 && headers.vary !== "*";
}

/** What of a request an answer varies by (RFC 9111, 4.1).
 * @param {import("node:http").IncomingHttpHeaders} answer
 * @param {import("node:http").IncomingHttpHeaders} asked */
function varying(answer, asked) {
  const names = (answer.vary ?? "").toLowerCase().split(",").map((name) => name.trim());
  return JSON.stringify(names.filter((name) => name !== "").map((name) => [name, asked[name]]));
}
