// @ts-check
import { ok, refused } from "../outcome.mjs";
import { both, signedIn } from "../shapes.mjs";
import { limited, scenario } from "../stage.mjs";
import { enrolled, standing } from "./people.mjs";
import { kept } from "./sign-up.mjs";

/** @type {import("../stage.mjs").Scenario[]} */
export const signIn = [
  scenario("signing in with an address", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { email, password } = ada;
    const { client, browser } = stage.device();
    const wrong = refused(401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
    await stage.see("signIn.email", "wrong password", client.signIn.email({ email, password: "not her pass phrase" }), wrong);
    await stage.see("signIn.email", "empty password", client.signIn.email({ email, password: "" }), wrong);
    await stage.see("signIn.email", "unknown address", client.signIn.email({ email: `un${email}`, password }), wrong);
    await stage.see(
      "signIn.email",
      "a username for an address",
      client.signIn.email({ email: ada.username, password }),
      refused(400, "INVALID_EMAIL"),
    );
    await stage.see("signIn.email", "empty address", client.signIn.email({ email: "", password }), refused(400, "INVALID_EMAIL"));
    await stage.see("signIn.email", "no password", client.signIn.email(/** @type {any} */ ({ email })), refused(400, "VALIDATION_ERROR"));
    await stage.see(
      "signIn.email",
      "a number for a password",
      client.signIn.email(/** @type {any} */ ({ email, password: 5 })),
      refused(400, "VALIDATION_ERROR"),
    );
    stage.find("signIn.email", "cookies after refusals", browser.sessionCookies().length, 0);
    await stage.see("signIn.email", "right", client.signIn.email({ email, password }), ok(signedIn(ada)));
    stage.find("signIn.email", "cookie of the session", kept(browser), { count: 1, sameSite: "Lax", path: "/", isSecure: false, lasts: "7 days" });
    await stage.see("getSession", "after signing in with an address", client.getSession(), ok(both(ada, browser.address)));
    await stage.see("signIn.email", "in capitals", stage.device().client.signIn.email({ email: email.toUpperCase(), password }), ok(signedIn(ada)));
    await stage.see(
      "signIn.email",
      "with fields that nobody knows",
      stage.device().client.signIn.email(/** @type {any} */ ({ email, password, shoeSize: 38 })),
      ok(signedIn(ada)),
    );
  }),

  scenario("signing in with a username", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { username, password } = ada;
    const { client, browser } = stage.device();
    const wrong = refused(401, "INVALID_USERNAME_OR_PASSWORD", "Invalid username or password");
    await stage.see("signIn.username", "wrong password", client.signIn.username({ username, password: "not her pass phrase" }), wrong);
    await stage.see("signIn.username", "empty password", client.signIn.username({ username, password: "" }), wrong);
    await stage.see("signIn.username", "unknown username", client.signIn.username({ username: `un${username}`, password }), wrong);
    await stage.see("signIn.username", "empty username", client.signIn.username({ username: "", password }), wrong);
    await stage.see("signIn.username", "short username", client.signIn.username({ username: "a", password }), refused(422, "USERNAME_TOO_SHORT"));
    await stage.see(
      "signIn.username",
      "long username",
      client.signIn.username({ username: "a".repeat(31), password }),
      refused(422, "USERNAME_TOO_LONG"),
    );
    await stage.see(
      "signIn.username",
      "an address for a username",
      client.signIn.username({ username: ada.email, password }),
      refused(422, "INVALID_USERNAME"),
    );
    await stage.see("signIn.username", "no password", client.signIn.username(/** @type {any} */ ({ username })), refused(400, "VALIDATION_ERROR"));
    await stage.see(
      "signIn.username",
      "a number for a username",
      client.signIn.username(/** @type {any} */ ({ username: 5, password })),
      refused(400, "VALIDATION_ERROR"),
    );
    stage.find("signIn.username", "cookies after refusals", browser.sessionCookies().length, 0);
    await stage.see("signIn.username", "right", client.signIn.username({ username, password }), ok(signedIn(ada)));
    await stage.see("getSession", "after signing in with a username", client.getSession(), ok(both(ada, browser.address)));
    await stage.see(
      "signIn.username",
      "in capitals",
      stage.device().client.signIn.username({ username: username.toUpperCase(), password }),
      ok(signedIn(ada)),
    );
  }),

  scenario("where to go after signing in", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { email, username, password } = ada;
    const evil = refused(403, "INVALID_CALLBACK_URL", "Invalid callbackURL");
    for (const [what, callbackURL, expected] of /** @type {const} */ ([
      ["a path", "/dashboard?tab=2", { redirect: true, url: "/dashboard?tab=2" }],
      ["an address of the site", `${stage.site}/dashboard`, { redirect: true, url: "SITE/dashboard" }],
      ["another site", "https://evil.example/", evil],
      ["another site without a scheme", "//evil.example/", evil],
      ["another site by a backslash", "/\\evil.example/", evil],
      ["a script", "javascript:alert(1)", evil],
      ["an encoded slash", "/%2fevil.example", evil],
      ["a relative path", "dashboard", evil],
    ])) {
      const device = stage.device();
      const outcome = "redirect" in expected ? ok(signedIn(ada, expected)) : expected;
      await stage.see("signIn.email", `callbackURL: ${what}`, device.client.signIn.email({ email, password, callbackURL }), outcome);
      stage.find(
        "signIn.email",
        `after callbackURL: ${what}`,
        await standing(device),
        "redirect" in expected ? `signed in as ${username}` : "signed out",
      );
    }
    await stage.see(
      "signIn.username",
      "callbackURL: a path",
      stage.device().client.signIn.username({ username, password, callbackURL: "/dashboard" }),
      ok(signedIn(ada, { redirect: true, url: "/dashboard" })),
    );
    await stage.see(
      "signIn.username",
      "callbackURL: another site",
      stage.device().client.signIn.username({ username, password, callbackURL: "https://evil.example/" }),
      evil,
    );
    await stage.see(
      "signUp.email",
      "callbackURL: another site",
      stage.device().client.signUp.email({ ...stage.person("bea"), callbackURL: "https://evil.example/" }),
      evil,
    );
  }),

  scenario("a session that is not to be remembered", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { email, username, password } = ada;
    for (const [call, sign] of /** @type {const} */ ([
      ["signIn.email", (/** @type {import("../versions.mjs").Client} */ client) => client.signIn.email({ email, password, rememberMe: false })],
      [
        "signIn.username",
        (/** @type {import("../versions.mjs").Client} */ client) => client.signIn.username({ username, password, rememberMe: false }),
      ],
    ])) {
      const { client, browser } = stage.device();
      await sign(client);
      stage.find(call, "cookie of a session that is not to be remembered", kept(browser).lasts, "until the browser ends");
      await stage.see(
        "getSession",
        `not to be remembered, from ${call}`,
        client.getSession(),
        ok(both(ada, browser.address, {}, { expiresAt: "in 24 hours" })),
      );
      stage.find("getSession", `does not make it last, from ${call}`, kept(browser).lasts, "until the browser ends");
    }
  }),

  limited("somebody guesses passwords", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { client } = stage.device();
    /** @type {{ status: number, headers: Headers } | undefined} */
    let stopped;
    const fetchOptions = { onError: (/** @type {any} */ { response }) => (stopped = response) };
    const guess = () => client.signIn.email({ email: ada.email, password: "not her pass phrase" }, fetchOptions);
    for (let tries = 0; tries < 20 && stopped?.status !== 429; tries++) await guess();
    await stage.see("signIn.email", "too often", guess(), refused(429, undefined, "Too many requests. Please try again later."));
    const wait = (/** @type {string} */ name) => Number(stopped?.headers.get(name) ?? NaN) > 0;
    stage.find("signIn.email", "too often: X-Retry-After is a number of seconds", wait("x-retry-after"), true);
    stage.find("signIn.email", "too often: so is Retry-After", wait("retry-after"), false);
  }),
];
