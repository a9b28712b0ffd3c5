import assert from "node:assert/strict";
import { test } from "node:test";

import { returnPath } from "../../src/return-path.js";

test("a path on this site is kept with its query, byte for byte", () => {
  for (const [next, kept] of [
    ["/", "/"],
    ["/dashboard/profile?tab=one&q=a%2Fb%20c", "/dashboard/profile?tab=one&q=a%2Fb%20c"],
    ["/a/../b", "/b"],
    ["/a?to=https://example.com//x%2F", "/a?to=https://example.com//x%2F"],
    ["/a#b", "/a"],
    ["/a?b=c&_rsc=1abc&d", "/a?b=c&d"],
    ["/a?%5Frsc=1", "/a"],
    ["/files/100%25", "/files/100%25"],
    ["/login-help", "/login-help"],
    ["/login/help", "/login/help"],
    ["/apis", "/apis"],
  ] as const) assert.equal(returnPath(next), kept);
});

test("gw_11_redirect_tricks_lead_to_the_default_page", () => {
  for (const next of [
    null, "", " ", "dashboard", "?a=b", "evil.test", "@evil.test", "https://evil.test", "https:evil.test", "javascript:alert(1)", "data:text/html,x",
    "//evil.test", "///evil.test", "//user@evil.test", "/\\evil.test", "\\\\evil.test", "/a\\..\\b", "/a?b=\\", "/\tevil.test", "/\n/evil.test",
    "/\r\nSet-Cookie: a=b", "\t//evil.test", " /dashboard", "/\u0000/evil.test", "/\u007f/evil.test", "/\u2028/evil.test", "/%2fevil.test", "/%5Cevil.test",
    "/%09/evil.test", "/%0d%0aa", "/%252fevil.test", "/%2525255cevil.test", "/.//evil.test", "/a/..//evil.test", "/%2e//evil.test", "/%2e%2e%2fevil.test",
    "/a//b", "/%zz", "/%ff", "/login", "/login/", "/%6cogin", "/a/../login", "/login.rsc", "/register?x", "/logout#x", "/api", "/api/v1/user/me", "/%61pi/auth",
  ]) assert.equal(returnPath(next), "/dashboard", String(next));
});
