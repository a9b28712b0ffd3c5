import assert from "node:assert/strict";
import { test } from "node:test";

import { parseSetCookie } from "../../src/set-cookie.js";

test("a Set-Cookie line is read with all its attributes", () => {
  const table: [string, unknown][] = [
    [
      "__Host-Http-vestibule=v1.k.abc_-; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
      { name: "__Host-Http-vestibule", value: "v1.k.abc_-", path: "/", maxAge: 600, httpOnly: true, sameSite: "lax", secure: true },
    ],
    [
      "a=b=c; domain=example.com; EXPIRES=Thu, 01 Jan 1970 00:00:00 GMT; samesite=None; Partitioned; Priority=High",
      { name: "a", value: "b=c", domain: "example.com", expires: new Date(0), sameSite: "none", partitioned: true, priority: "high" },
    ],
    ["a=; Max-Age=0", { name: "a", value: "", maxAge: 0 }],
    ["a=%C3%A9; Max-Age=x; Expires=never; SameSite=maybe; Priority=?; Foo=bar", { name: "a", value: "é" }],
    ["a=%zz;;", { name: "a", value: "%zz" }],
    [" a = b ; Path = /x ", { name: "a", value: "b", path: "/x" }],
    ["novalue; Path=/", null],
    ["=b", null],
    ["", null],
  ];
  for (const [line, cookie] of table) assert.deepEqual(parseSetCookie(line), cookie, line);
});
