// @ts-check
import assert from "node:assert/strict";

import { at } from "../browser/harness.mjs";
import { journey } from "./journey.mjs";
import { field, openTab, sees, seesLogin, sessionCookie, signIn, submitLogin } from "./people.mjs";

/** Another port of this host is the same site, for which browsers send cookies; another host is not. */
const HOSTS = /** @type {const} */ (["localhost", "127.0.0.1"]);

/** A page that posts a form as soon as it is open.
 * @param {string} action
 * @param {[string, string][]} fields */
function trap(action, fields) {
  const quoted = (/** @type {string} */ text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const inputs = fields.map(([name, value]) => `<input name="${quoted(name)}" value="${quoted(value)}">`);
  return `<form method="post" action="${action}" enctype="multipart/form-data">${inputs.join("")}</form><script>document.forms[0].submit()</script>`;
}

for (const host of HOSTS) {
  journey(`X1 CS-01: a page at ${host} can't send a Server Action`, {}, async ({ page, context, stage, foreign, ada }) => {
    await signIn(page, ada);
    await page.goto("/dashboard/profile");
    const genuine = await page.locator("main form").evaluate((form) => [...new FormData(/** @type {HTMLFormElement} */ (form))].map(([name, value]) => [name, String(value)]));
    // What a form has that is sent without JavaScript.
    const html = await (await context.request.get("/dashboard/profile")).text();
    const hidden = [...html.matchAll(/<input type="hidden" name="(\$ACTION[^"]*)"(?: value="([^"]*)")?/g)].map(([, name, value = ""]) => [name, value.replaceAll("&quot;", '"')]);
    assert.ok(hidden.length > 0, "the form has the number of its action");
    const forged = [...hidden, ...genuine.filter(([name]) => !name.startsWith("$"))].map(([name, value]) => [name, name === "name" ? "Mallory" : value]);
    const posted = page.waitForResponse((response) => response.request().method() === "POST");
    await page.goto(await foreign(trap(`${stage.site}/dashboard/profile`, /** @type {[string, string][]} */ (forged)), host));
    const refused = await posted;
    // From another site it comes without a cookie: where Next.js is in front, whoever sent it has to sign in first.
    const { location } = refused.headers();
    assert.ok(refused.status() >= 400 || location?.startsWith("/login?"), `${refused.status()} ${location}`);
    if (host === "localhost") assert.ok(refused.status() >= 400, "the cookie was sent, and so it was refused for where it came from");
    await page.goto(`${stage.site}/dashboard`);
    await sees(page, ada);
  });

  journey(`X1 X2 CS-03: a page at ${host} can't sign anybody in or out`, {}, async ({ page, stage, foreign, ada }) => {
    /** @type {number[]} */
    const statuses = [];
    page.on("response", (response) => {
      if (response.request().method() === "POST") statuses.push(response.status());
    });
    await page.goto(await foreign(trap(`${stage.site}/login`, [["username", ada.username], ["password", ada.password]]), host));
    await page.waitForURL(`${stage.site}/**`);
    assert.equal(await sessionCookie(page), undefined);
    await page.goto(`${stage.site}/`);
    await signIn(page, ada);
    statuses.length = 0;
    await page.goto(await foreign(trap(`${stage.site}/logout`, []), host));
    await page.waitForURL(`${stage.site}/**`);
    assert.deepEqual(statuses, [403]);
    await page.goto(`${stage.site}/dashboard`);
    await sees(page, ada);
  });

  journey(`X3 X4 CS-05: a page at ${host} reads and writes nothing`, {}, async ({ page, stage, foreign, ada }) => {
    await signIn(page, ada);
    await page.goto(await foreign("<h1>Elsewhere</h1>", host));
    const read = await page.evaluate(async (site) => {
      /** @type {RequestInit[]} */
      const ways = [
        { credentials: "include" },
        { credentials: "include", headers: { rsc: "1" } },
        { credentials: "include", method: "PATCH", body: '{"name":"Mallory"}', headers: { "content-type": "application/json" } },
        { credentials: "include", method: "POST", body: "[]", headers: { "next-action": "x" } },
      ];
      const paths = ["/api/v1/user/me", "/dashboard", "/dashboard/export", "/api/auth/get-session"];
      const tries = await Promise.allSettled(paths.flatMap((path) => ways.map((way) => fetch(site + path, way))));
      return tries.filter(({ status }) => status === "fulfilled").length;
    }, stage.site);
    assert.equal(read, 0, "no answer may be read");
    await page.goto(`${stage.site}/dashboard`);
    await sees(page, ada);
  });
}

const HOSTILE = [
  "//evil.test/",
  "/\\evil.test/",
  "/\t/evil.test/",
  "https://evil.test/",
  "https:evil.test/",
  "/.//evil.test/",
  "/%5Cevil.test/",
  "javascript:alert(document.domain)",
  "@evil.test/",
  "/login?next=//evil.test/",
];

/** A query with `value` under each name that sites use for it. @param {string} value */
const hostile = (value) => new URLSearchParams(["next", "callbackUrl", "redirect"].map((name) => [name, value]));

journey("P4: no login leads to another site, whatever the link says", {}, async ({ page, context, stage, ada }) => {
  /** @type {string[]} */
  const elsewhere = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== stage.site) elsewhere.push(request.url());
  });
  for (const value of HOSTILE) {
    await page.goto("about:blank");
    await context.clearCookies();
    await page.goto(`/login?${hostile(value)}`);
    await submitLogin(page, ada.username, ada.password);
    await page.waitForURL((url) => url.pathname !== "/login");
    assert.equal(new URL(page.url()).origin, stage.site, value);
  }
  assert.deepEqual(elsewhere, []);
});

journey("P4: nor does a login without JavaScript, or an expiry", {}, async ({ context, stage, ada }) => {
  const { username, password } = ada;
  for (const value of HOSTILE) {
    const form = { username, password, next: value };
    const answers = [
      await context.request.post(`/login?${hostile(value)}`, { form, maxRedirects: 0 }),
      await context.request.get(`/login?${hostile(value)}`, { maxRedirects: 0 }),
      await context.request.get(`/api/auth/expired?${hostile(value)}`, { maxRedirects: 0 }),
    ];
    for (const answer of answers) {
      assert.ok(answer.status() < 400, `${answer.url()}: ${answer.status()}`);
      const place = answer.headers().location ?? "/";
      // As browsers read it (WHATWG URL).
      assert.equal(new URL(place, stage.site).origin, stage.site, `${value} leads to ${place}`);
    }
    assert.ok(answers[0].headers().location, "the login leads on");
    await context.clearCookies();
  }
});

journey("C5: no page lets itself be framed, guessed at or told about", { breaches: true }, async ({ page, stage, foreign, ada }) => {
  await signIn(page, ada);
  for (const path of ["/", "/login", "/dashboard", "/nowhere"]) {
    const headers = await (await page.request.get(path)).headers();
    assert.ok(headers["x-frame-options"] ?? /frame-ancestors/.test(headers["content-security-policy"] ?? ""), path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.ok(headers["referrer-policy"], path);
  }
  await page.goto(await foreign(`<iframe src="${stage.site}/login"></iframe>`));
  const [, frame] = page.frames();
  await frame.waitForLoadState();
  assert.equal(await frame.getByLabel("Password").count(), 0);
});

journey("T5: whoever is signed in and opens the login goes on, and nothing turns in circles", {}, async ({ page, ada, seen }) => {
  await signIn(page, ada);
  for (const path of ["/login", "/register", "/login?next=%2Flogin"]) {
    const before = seen.answers.length;
    await page.goto(path);
    await page.waitForURL((url) => !["/login", "/register"].includes(url.pathname));
    assert.ok(seen.answers.slice(before).filter(({ response }) => response.request().isNavigationRequest()).length <= 4, path);
  }
});

journey("K2: a normal visit fails nowhere and logs nothing", {}, async ({ page, seen, ada }) => {
  await page.goto("/", { waitUntil: "networkidle" });
  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).click();
  await submitLogin(page, ada.username, ada.password);
  await sees(page, ada);
  for (const name of ["Profile", "Upload", "Parallel", "Overview"]) await openTab(page, name);
  await sees(page, ada);
  assert.equal(at(page), "/dashboard");
  const refused = seen.answers.filter(({ response }) => response.status() >= 400).map(({ response }) => response.url());
  assert.deepEqual({ refused, failed: seen.failed, console: seen.console }, { refused: [], failed: [], console: [] });
});
