// @ts-check
import { ok, refused } from "../outcome.mjs";
import { signedIn } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { enrolled, standing } from "./people.mjs";

/** @type {import("../stage.mjs").Scenario[]} */
export const origin = [
  scenario("requests of other sites", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const json = { "content-type": "application/json" };
    const foreign = refused(403, "INVALID_ORIGIN", "Invalid origin");
    const none = refused(403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    const own = { origin: stage.site };
    const evil = { origin: "https://evil.example" };
    const done = ok({ status: true });
    const rename = (/** @type {Record<string, string>} */ headers) =>
      browser.send("POST", "/api/auth/update-user", { ...json, ...headers, ...browser.cookies() }, JSON.stringify({ name: ada.name }));
    /** @type {[string, Record<string, string>, import("../outcome.mjs").Outcome][]} */
    const withCookie = [
      ["own", own, done],
      ["another site", evil, foreign],
      ["the own with another scheme", { origin: stage.site.replace("http:", "https:") }, foreign],
      ["the own with another port", { origin: stage.site.replace(/\d+$/, "1") }, foreign],
      ["the own as a prefix", { origin: `${stage.site}.evil.example` }, foreign],
      ["none", {}, none],
      ["null", { origin: "null" }, none],
      ["none, but a Referer of the site", { referer: `${stage.site}/account` }, done],
      ["none, but a Referer of the site, and same-origin is said", { referer: `${stage.site}/account`, "sec-fetch-site": "same-origin" }, done],
      ["none, but a Referer of another", { referer: "https://evil.example/account" }, foreign],
      ["another site, though same-origin is said", { ...evil, "sec-fetch-site": "same-origin" }, foreign],
      ["null of the same origin", { origin: "null", "sec-fetch-site": "same-origin" }, done],
      ["null of another site", { origin: "null", "sec-fetch-site": "cross-site" }, none],
    ];
    for (const [what, headers, expected] of withCookie) await stage.seeResponse("other sites", `with a cookie: ${what}`, rename(headers), expected);
    await stage.seeResponse(
      "other sites",
      "with a cookie that means nothing: another site",
      browser.send("POST", "/api/auth/sign-out", { ...evil, cookie: "theme=dark" }),
      foreign,
    );
    await stage.seeResponse(
      "other sites",
      "signing out from another site",
      browser.send("POST", "/api/auth/sign-out", { ...evil, ...browser.cookies() }),
      foreign,
    );
    stage.find("other sites", "nobody was signed out by another site", await standing({ client, browser }), `signed in as ${ada.username}`);
    await stage.seeResponse(
      "other sites",
      "a GET of another site",
      browser.send("GET", "/api/auth/ok", { ...evil, ...browser.cookies() }),
      ok({ ok: true }),
    );

    const byAddress = JSON.stringify({ email: ada.email, password: ada.password });
    const byName = JSON.stringify({ username: ada.username, password: ada.password });
    const signedInHere = ok(signedIn(ada));
    const crossSite = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    const blocked = refused(403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
    /** What a sign-in with an address comes to; one with a username is not asked where it is from.
     * @type {[string, Record<string, string>, import("../outcome.mjs").Outcome][]} */
    const without = [
      ["own", own, signedInHere],
      ["a program, with none", {}, signedInHere],
      ["another site", evil, foreign],
      ["another site's form", { ...evil, ...crossSite }, blocked],
      ["another site's script", { ...evil, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }, foreign],
      ["own script", { ...own, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }, signedInHere],
      ["none, and a Referer of another", { referer: "https://evil.example/" }, foreign],
    ];
    for (const [what, headers, expected] of without) {
      const post = (/** @type {string} */ path, /** @type {string} */ body) =>
        browser.send("POST", `/api/auth${path}`, { ...json, ...headers }, body);
      await stage.seeResponse("other sites", `signIn.email without a cookie: ${what}`, post("/sign-in/email", byAddress), expected);
      await stage.seeResponse("other sites", `signIn.username without a cookie: ${what}`, post("/sign-in/username", byName), signedInHere);
    }
    const bea = JSON.stringify(stage.person("bea"));
    await stage.seeResponse(
      "other sites",
      "signUp.email without a cookie: another site's form",
      browser.send("POST", "/api/auth/sign-up/email", { ...json, ...evil, ...crossSite }, bea),
      blocked,
    );
  }),
];
