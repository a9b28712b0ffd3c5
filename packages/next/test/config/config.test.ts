import assert from "node:assert/strict";
import { test } from "node:test";

import type { NextConfig } from "next";

import { withVestibule } from "../../src/config.js";

const GATEWAY = "http://gateway.test:3000";

async function rewritesOf(config: NextConfig) {
  const rewrites = await config.rewrites?.();
  assert.ok(rewrites && !Array.isArray(rewrites));
  return rewrites;
}

test("what is the gateway's goes there, forms before pages, and its pages where the app has none", async () => {
  const { beforeFiles = [], afterFiles = [] } = await rewritesOf(withVestibule({}, { gateway: GATEWAY }));
  const plain = (rules: typeof beforeFiles) => rules.filter(({ has }) => !has).map(({ source, destination }) => `${source} ${destination}`);
  assert.deepEqual(plain(beforeFiles), [
    "/api/auth/:path* http://gateway.test:3000/api/auth/:path*",
    "/api/v1/:path* http://gateway.test:3000/api/v1/:path*",
    "/_vestibule/:path* http://gateway.test:3000/_vestibule/:path*",
    "/logout/:path* http://gateway.test:3000/logout/:path*",
  ]);
  assert.deepEqual(plain(afterFiles), ["/login http://gateway.test:3000/login", "/register http://gateway.test:3000/register"]);
  const forms = beforeFiles.filter(({ has }) => has?.[0]?.key === "content-type");
  assert.deepEqual(forms.map(({ source }) => source), ["/login", "/register"]);
  for (const { has } of forms) assert.match("application/x-www-form-urlencoded; charset=utf-8", new RegExp(`^${has?.[0]?.value}$`));
});

test("n8_a_prefetch_of_a_protected_page_without_a_session_is_answered_with_nothing", async () => {
  const { beforeFiles = [] } = await rewritesOf(withVestibule({}, { gateway: GATEWAY, protect: ["/dashboard", "/a/b"] }));
  const prefetched = beforeFiles.filter(({ destination }) => destination.endsWith("/_empty"));
  assert.deepEqual(prefetched.map(({ source }) => source), ["/dashboard/:path*", "/a/b/:path*"]);
  for (const rule of prefetched) {
    // With a value, Next.js does not add the header to the query.
    assert.deepEqual(rule.has, [{ type: "header", key: "next-router-prefetch", value: ".+" }]);
    assert.deepEqual(rule.missing, [{ type: "cookie", key: "__Host-Http-vestibule" }, { type: "cookie", key: "vestibule" }]);
    assert.equal(rule.destination, "http://gateway.test:3000/api/auth/_empty");
  }
});

test("the proxy learns what is protected from the build", () => {
  const env = (options: Parameters<typeof withVestibule>[1]) => withVestibule({ env: { MINE: "1" } }, options).env;
  assert.deepEqual(env({}), { MINE: "1", VESTIBULE_PROTECT: '["/dashboard"]' });
  assert.deepEqual(env({ protect: ["/"] }), { MINE: "1", VESTIBULE_PROTECT: '["/"]' });
});

test("c5_every_page_has_security_headers_and_the_way_in_is_never_stored", async () => {
  const headers = (await withVestibule().headers?.()) ?? [];
  assert.deepEqual(headers.map(({ source, headers }) => [source, ...headers.map(({ key, value }) => `${key}: ${value}`)]), [
    ["/:path*", "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY", "Referrer-Policy: same-origin"],
    ["/login", "Cache-Control: private, no-store"],
    ["/register", "Cache-Control: private, no-store"],
  ]);
});

test("what the app has configured stays, and its headers come last", async () => {
  const own = { source: "/old", destination: "/new" };
  const header = { source: "/:path*", headers: [{ key: "X-Frame-Options", value: "SAMEORIGIN" }] };
  for (const rewrites of [[own], { afterFiles: [own] }]) {
    const config = withVestibule({ output: "standalone", rewrites: async () => rewrites, headers: async () => [header] });
    assert.equal(config.output, "standalone");
    assert.deepEqual((await rewritesOf(config)).afterFiles?.[0], own);
    assert.deepEqual((await config.headers?.())?.at(-1), header);
  }
  const ordered = withVestibule({ rewrites: async () => ({ beforeFiles: [own], fallback: [own] }) });
  const { beforeFiles, fallback } = await rewritesOf(ordered);
  assert.deepEqual([beforeFiles?.at(-1), fallback], [own, [own]]);
});

test("a configuration that is a function stays one", async () => {
  const config = withVestibule(async (phase) => ({ distDir: phase }), { gateway: GATEWAY });
  const made = await config("phase", { defaultConfig: {} });
  assert.deepEqual([made.distDir, made.env], ["phase", { VESTIBULE_PROTECT: '["/dashboard"]' }]);
});

test("the gateway is where VESTIBULE_URL says, unless the configuration does", async (t) => {
  t.after(() => delete process.env.VESTIBULE_URL);
  const destination = async (options = {}) => (await rewritesOf(withVestibule({}, options))).afterFiles?.[0]?.destination;
  assert.equal(await destination(), "http://localhost:3000/login");
  process.env.VESTIBULE_URL = "https://inner.test/";
  assert.equal(await destination(), "https://inner.test/login");
  assert.equal(await destination({ gateway: GATEWAY }), "http://gateway.test:3000/login");
});

test("what can't be meant is an error before the build", () => {
  const table: [() => unknown, RegExp][] = [
    [() => withVestibule({}, { protected: ["/a"] } as object), /no option "protected"/],
    [() => withVestibule({}, { gateway: "gateway" }), /origin/],
    [() => withVestibule({ basePath: "/app" }), /basePath/],
    ...["dashboard", "/dashboard/", "/dashboard/:path*", "/a*", "/a/../b", "/%64", "", "//a", "/a?b"].map(
      (path): [() => unknown, RegExp] => [() => withVestibule({}, { protect: [path] }), /protect: /],
    ),
  ];
  for (const [configure, error] of table) assert.throws(configure, error);
});
