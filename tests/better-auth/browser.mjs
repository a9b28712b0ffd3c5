// @ts-check
/**
 * What a browser does around a client's `fetch`: it keeps cookies, and says where a request comes from.
 * @module
 */
import { Agent, request } from "node:http";

/**
 * A cookie as it was set. `lasts`: in seconds from then on, as `Max-Age` said; without it, until the browser ends.
 * @typedef {{ name: string, value: string, path: string, lasts?: number, isHttpOnly: boolean, isSecure: boolean, sameSite: string }} Cookie
 * @typedef {ReturnType<typeof openBrowser>} Browser
 */

/** A browser with an empty jar, in front of which a proxy says that it is at `address`.
 * @param {string} site the origin that its pages come from
 * @param {string} address
 * @param {() => void} [before] each `POST` */
export function openBrowser(site, address, before = () => {}) {
  /** @type {Map<string, Cookie>} */
  const jar = new Map();
  const agent = new Agent({ keepAlive: true });
  /** @type {undefined | (() => Response)} */
  let instead;

  /** Sends what is given, with nothing added but `Host`; keeps no cookie.
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} [headers]
   * @param {string} [body]
   * @returns {Promise<Response>} */
  const send = (method, path, headers = {}, body) =>
    new Promise((resolve, reject) => {
      const { host, port } = new URL(site);
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const all = { host, "x-forwarded-for": address, ...length, ...headers };
      const outgoing = request({ agent, host: "127.0.0.1", port, method, path, headers: all });
      outgoing.on("error", reject);
      outgoing.on("response", async (incoming) => {
        try {
          const chunks = [];
          for await (const chunk of incoming) chunks.push(chunk);
          const pairs = new Headers();
          for (let at = 0; at < incoming.rawHeaders.length; at += 2) pairs.append(incoming.rawHeaders[at], incoming.rawHeaders[at + 1]);
          const status = incoming.statusCode ?? 0;
          resolve(
            new Response([204, 304].includes(status) ? null : Buffer.concat(chunks), { status, statusText: incoming.statusMessage, headers: pairs }),
          );
        } catch (error) {
          reject(error);
        }
      });
      outgoing.end(body);
    });

  /** As a script of one of the site's pages. @type {typeof globalThis.fetch} */
  const fetch = async (input, init = {}) => {
    if (instead) return instead();
    const url = new URL(String(input));
    if (url.origin !== site) throw new Error(`${url.origin} is another origin`);
    const method = init.method ?? "GET";
    if (method === "POST") before();
    const headers = Object.fromEntries(new Headers(init.headers));
    const from = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "user-agent": "a browser" };
    // Fetch standard, "append a request Origin header": not with GET and HEAD of one's own origin.
    const origin = ["GET", "HEAD"].includes(method) ? undefined : { origin: site };
    const sent = { ...headers, ...from, ...origin, ...shown(url.pathname) };
    const response = await send(method, url.pathname + url.search, sent, init.body?.toString());
    response.headers.getSetCookie().forEach((line) => keep(parsed(line)));
    return response;
  };

  /** @param {string} path @returns {Record<string, string>} */
  const shown = (path) => {
    const sent = [...jar.values()].filter(({ path: under }) => path.startsWith(under));
    return sent.length === 0 ? {} : { cookie: sent.map(({ name, value }) => `${name}=${value}`).join("; ") };
  };

  /** @param {Cookie} cookie */
  const keep = (cookie) => {
    if (cookie.lasts !== undefined && cookie.lasts <= 0) jar.delete(cookie.name);
    else jar.set(cookie.name, cookie);
  };

  return {
    site,
    address,
    send,
    fetch,
    /** The header `Cookie` as it would be sent now; nothing if there are none. */
    cookies: () => shown("/api/auth"),
    /** Those that keep somebody signed in: a script can't read them. */
    sessionCookies: () => [...jar.values()].filter(({ isHttpOnly }) => isHttpOnly),
    /** Every script's request fails from here on, or is answered so; `undefined` joins it to the network again.
     * @param {undefined | (() => Response)} how */
    cutOff: (how) => (instead = how),
    end: () => agent.destroy(),
  };
}

/** @param {string} line of `Set-Cookie` @returns {Cookie} */
function parsed(line) {
  const [pair, ...rest] = line.split(";").map((part) => part.trim());
  const attributes = new Map(rest.map((part) => [part.split("=")[0].toLowerCase(), part.split("=")[1] ?? ""]));
  const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
  const [age, expires] = [attributes.get("max-age"), attributes.get("expires")];
  const until = expires === undefined ? undefined : (Date.parse(expires) - Date.now()) / 1000;
  return {
    name,
    value,
    path: attributes.get("path") ?? "/",
    lasts: age === undefined ? until : Number(age),
    isHttpOnly: attributes.has("httponly"),
    isSecure: attributes.has("secure"),
    sameSite: attributes.get("samesite") ?? "",
  };
}
