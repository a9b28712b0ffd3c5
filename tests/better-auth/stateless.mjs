// @ts-check
/**
 * Better Auth without a database: sessions are in the cookie, encrypted. What get-session is measured beside. Prints its address, and ends when
 * standard input does.
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:http";

import { NEWEST, serverParts } from "./versions.mjs";

const { betterAuth, toNodeHandler } = await serverParts(NEWEST);

const server = createServer();
await once(server.listen(0, "127.0.0.1"), "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

const auth = betterAuth({
  baseURL: `http://localhost:${port}`,
  secret: "a secret of more than 32 characters for the measurement",
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
});
server.on("request", toNodeHandler(auth));
console.log(`127.0.0.1:${port}`);

process.stdin.on("end", () => process.exit()).resume();
