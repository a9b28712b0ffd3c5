// @ts-check
/**
 * A Better Auth server as its manual sets one up, with the username plugin and users in memory: the reference. Arguments: the
 * version, and `limited` for a server that counts requests as one in production does. Prints its address, and ends when standard input does.
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { serverParts } from "./versions.mjs";

const [version, limited] = process.argv.slice(2);
const { betterAuth, username, toNodeHandler, memoryAdapter } = await serverParts(version);

// What a request did wrong is in its answer.
console.error = () => {};

const server = createServer();
await once(server.listen(0, "127.0.0.1"), "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const site = `http://localhost:${port}`;

// What a hash costs is not what is compared.
const hash = async (/** @type {string} */ password) => createHash("sha256").update(password).digest("hex");

const auth = betterAuth({
  baseURL: site,
  secret: "a secret of more than 32 characters for the reference",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  // A table has null where nothing was given; the adapter would leave it out.
  databaseHooks: {
    user: {
      create: {
        before: async (user) => ({
          data: { ...user, image: user.image ?? null, username: user.username ?? null, displayUsername: user.displayUsername ?? null },
        }),
      },
    },
  },
  plugins: [username()],
  emailAndPassword: {
    enabled: true,
    password: { hash, verify: async ({ hash: known, password }) => known === (await hash(password)) },
  },
  user: { changeEmail: { enabled: true, updateEmailWithoutVerification: true }, deleteUser: { enabled: true } },
  rateLimit: { enabled: limited === "limited" },
  telemetry: { enabled: false },
  logger: { disabled: true },
});
server.on("request", toNodeHandler(auth));
console.log(site);

process.stdin.on("end", () => process.exit()).resume();
