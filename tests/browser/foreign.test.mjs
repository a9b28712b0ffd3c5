// @ts-check
import assert from "node:assert/strict";

import { test } from "./harness.mjs";
import { ada, enrol, grace, sees, seesLogin, sessionCookie, signIn } from "./people.mjs";

/** Another port of this host is the same site, for which browsers send cookies; another host is not. */
const HOSTS = /** @type {const} */ (["localhost", "127.0.0.1"]);

/** A page that posts a form as soon as it is open.
 * @param {string} action
 * @param {Record<string, string>} fields */
function trap(action, fields = {}, encoding = "application/x-www-form-urlencoded") {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  return `<form method="post" action="${action}" enctype="${encoding}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`;
}

for (const host of HOSTS) {
  test(`X1 CS-01: a page at ${host} can't sign anybody out`, {}, async ({ page, stage, foreign }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    const posted = page.waitForResponse(`${stage.site}/logout`);
    await page.goto(await foreign(trap(`${stage.site}/logout`), host));
    assert.equal((await posted).status(), 403);
    await page.getByRole("heading", { name: "This request was stopped" }).waitFor();
    await page.goto(`${stage.site}/dashboard`);
    await sees(page, ada);
  });

  test(`X2 CS-03: a page at ${host} can't sign anybody in, nor up`, {}, async ({ page, stage, foreign }) => {
    await enrol(stage.api, grace);
    for (const [path, fields] of /** @type {const} */ ([
      ["/login", { username: grace.username, password: grace.password }],
      ["/register", { ...ada }],
    ])) {
      const posted = page.waitForResponse(`${stage.site}${path}`);
      await page.goto(await foreign(trap(`${stage.site}${path}`, fields, "text/plain"), host));
      assert.equal((await posted).status(), 403, path);
      assert.equal(await sessionCookie(page), undefined);
    }
    await page.goto(`${stage.site}/dashboard`);
    await seesLogin(page);
  });

  test(`X3 X4 CS-05 CS-07: a page at ${host} reads and writes nothing`, {}, async ({ page, stage, foreign }) => {
    await enrol(stage.api, ada);
    await signIn(page, ada);
    await page.goto(await foreign("<h1>Elsewhere</h1>", host));
    const read = await page.evaluate(async (site) => {
      /** @type {RequestInit[]} */
      const ways = [
        { credentials: "include" },
        { credentials: "include", method: "PATCH", body: '{"name":"Mallory"}', headers: { "content-type": "application/json" } },
        { credentials: "include", method: "POST", body: '{"name":"Mallory"}', headers: { "content-type": "text/plain" } },
        { credentials: "include", method: "DELETE" },
      ];
      const paths = ["/api/v1/user/me", "/api/v1/user/ada", "/dashboard/profile", "/dashboard/delete"];
      await Promise.allSettled(paths.map((path) => fetch(site + path, { ...ways[2], mode: "no-cors" })));
      const tries = await Promise.allSettled(paths.flatMap((path) => ways.map((way) => fetch(site + path, way))));
      return tries.filter(({ status }) => status === "fulfilled").length;
    }, stage.site);
    assert.equal(read, 0, "no answer may be read");
    await page.goto(`${stage.site}/dashboard`);
    await sees(page, ada);
  });
}

test("C5 CS-12 CS-13: no page lets itself be framed, guessed at or told about", { breaches: true }, async ({ page, stage, foreign }) => {
  for (const path of ["/", "/login", "/register", "/nowhere"]) {
    const headers = await (await page.goto(path))?.allHeaders();
    assert.ok(headers);
    assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
    assert.doesNotMatch(headers["content-security-policy"], /unsafe/);
    assert.equal(headers["x-frame-options"], "DENY");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "same-origin");
    assert.equal(headers["cross-origin-opener-policy"], "same-origin");
  }
  await page.goto(await foreign(`<iframe src="${stage.site}/login"></iframe>`));
  const [, frame] = page.frames();
  await frame.waitForLoadState();
  assert.equal(await frame.getByLabel("Password").count(), 0);
});

test("a link from another site leads to the page, signed in, without a word about where from", {}, async ({ page, stage, foreign }) => {
  await enrol(stage.api, ada);
  await signIn(page, ada);
  await page.goto(await foreign(`<a href="${stage.site}/dashboard">Your account</a>`, "127.0.0.1"));
  await page.getByRole("link").click();
  await sees(page, ada);
});
