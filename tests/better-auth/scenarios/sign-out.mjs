// @ts-check
import { ok, refused } from "../outcome.mjs";
import { both, signedIn, signedUp } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { anotherDevice, copySignsIn, enrolled, standing } from "./people.mjs";
import { kept } from "./sign-up.mjs";

/** Being signed in, and not any more. @type {import("../stage.mjs").Scenario[]} */
export const signOut = [
  scenario("nobody is signed in", async (stage) => {
    const { client, browser } = stage.device();
    await stage.see("getSession", "anonymous", client.getSession(), ok(null));
    await stage.see("getSession", "anonymous, past the cache", client.getSession({ query: { disableCookieCache: true } }), ok(null));
    const answer = await browser.send("GET", "/api/auth/get-session", { cookie: "better-auth.session_token=forged.c2ln; vestibule=forged" });
    await stage.seeResponse("getSession", "forged cookie", Promise.resolve(answer), ok(null));
    const plain = await browser.send("GET", "/api/auth/get-session");
    stage.find("getSession", "nobody keeps the answer", plain.headers.get("cache-control"), "no-store");
    await stage.see("signOut", "anonymous", client.signOut(), ok({ success: true }));
  }),

  scenario("getting the session many times", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const before = await client.getSession();
    const two = await Promise.all([client.getSession(), client.getSession()]);
    const id = (/** @type {any} */ { data }) => data?.session.id;
    stage.find(
      "getSession",
      "two at once",
      two.map((one) => id(one) === id(before)),
      [true, true],
    );
    await stage.see("getSession", "past the cache", client.getSession({ query: { disableCookieCache: true } }), ok(both(ada, browser.address)));
    await stage.see("getSession", "without a refresh", client.getSession({ query: { disableRefresh: true } }), ok(both(ada, browser.address)));
    stage.find("getSession", "the cookie is still there", kept(browser).count, 1);
    const post = await browser.fetch(`${stage.site}/api/auth/get-session`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    await stage.seeResponse("getSession", "by POST", Promise.resolve(post), refused(405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"));
  }),

  scenario("somebody signs in where somebody else is signed in", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const { person: bea } = await enrolled(stage, "bea");
    const adas = browser.cookies();
    await stage.see("signIn.email", "in place of somebody else", client.signIn.email(bea), ok(signedIn(bea)));
    await stage.see("getSession", "in place of somebody else", client.getSession(), ok(both(bea, browser.address)));
    stage.find("signIn.email", "in place of somebody else: whom the cookie of before signs in", await copySignsIn(stage, adas), ada.username);
    const cai = stage.person("cai");
    await stage.see("signUp.email", "in place of somebody else", client.signUp.email(cai), ok(signedUp(cai)));
    stage.find("signUp.email", "in place of somebody else: who is signed in", await standing({ client, browser }), `signed in as ${cai.username}`);
    await stage.see(
      "signIn.email",
      "in vain, in place of somebody else",
      client.signIn.email({ ...ada, password: "not her pass phrase" }),
      refused(401, "INVALID_EMAIL_OR_PASSWORD"),
    );
    stage.find("signIn.email", "in vain: who is signed in", await standing({ client, browser }), `signed in as ${cai.username}`);
  }),

  scenario("signing out", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const other = await anotherDevice(stage, ada);
    const copy = browser.cookies();
    await stage.see("signOut", "signed in", client.signOut(), ok({ success: true }));
    stage.find("signOut", "no session cookie is left", browser.sessionCookies().length, 0);
    await stage.see("getSession", "after signing out", client.getSession(), ok(null));
    stage.find("signOut", "whom a copy of the cookie signs in", await copySignsIn(stage, copy), "nobody");
    const headers = { ...copy, origin: stage.site, "content-type": "application/json" };
    await stage.seeResponse(
      "updateUser",
      "with a copy of the cookie of before signing out",
      browser.send("POST", "/api/auth/update-user", headers, '{"name":"Mallory"}'),
      refused(401, "UNAUTHORIZED"),
    );
    stage.find("signOut", "the other device", await standing(other), `signed in as ${ada.username}`);
    await stage.see("signOut", "a second time", client.signOut(), ok({ success: true }));
    await stage.see("signIn.username", "after signing out", client.signIn.username(ada).then(plain), ok("there is a user"));
  }),
];

/** A result, whatever the version says beside the user. @param {{ data: any, error: any }} result */
const plain = ({ data, error }) => ({ data: data?.user ? "there is a user" : data, error });
