// @ts-check
import { ok, refused } from "../outcome.mjs";
import { session } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { anotherDevice, copySignsIn, enrolled, standing } from "./people.mjs";

/** @param {object} fields that not every version takes @returns {any} */
const odd = (fields) => fields;

const done = ok({ status: true });
const unauthorized = refused(401, "UNAUTHORIZED", "Unauthorized");

/** @type {import("../stage.mjs").Scenario[]} */
export const sessions = [
  scenario("the list of one's sessions", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const here = session(browser.address);
    await stage.see("listSessions", "one device", client.listSessions(), ok([here]));
    const other = await anotherDevice(stage, ada);
    const list = await stage.see("listSessions", "two devices", client.listSessions(), ok([here, here]));
    await enrolled(stage, "bea");
    stage.find("listSessions", "nobody else's", (await client.listSessions()).data?.length, 2);
    const current = (await other.client.getSession()).data?.session;
    const mine = list?.find(({ id }) => id === current?.id);
    stage.find("listSessions", "getSession's is one of them", [mine?.token === current?.token, mine?.userId === current?.userId], [true, true]);
    stage.find("listSessions", "each is another", new Set(list?.flatMap(({ id }) => id)).size, 2);
    stage.find("listSessions", "what opens something, of all that it shows", await openers(stage, browser, list ?? []), []);
    stage.find("listSessions", "whom the cookie itself signs in", await copySignsIn(stage, browser.cookies()), ada.username);
    await other.client.signOut();
    stage.find("listSessions", "after the other signed out", (await client.listSessions()).data?.length, 1);
    await stage.see("listSessions", "anonymous", stage.device().client.listSessions(), unauthorized);
  }),

  scenario("ending a session on another device", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const other = await anotherDevice(stage, ada);
    const third = await anotherDevice(stage, ada);
    const token = (await other.client.getSession()).data?.session.token ?? "";
    await stage.see("revokeSession", "no token", client.revokeSession(odd({ id: "x" })), refused(400, "VALIDATION_ERROR"));
    await stage.see("revokeSession", "unknown token", client.revokeSession({ token: "of nobody" }), done);
    const stranger = await enrolled(stage, "bea");
    await stage.see("revokeSession", "somebody else's", stranger.client.revokeSession({ token }), done);
    stage.find("revokeSession", "somebody else's: it lives", await standing(other), `signed in as ${ada.username}`);
    await stage.see("revokeSession", "anonymous", stage.device().client.revokeSession({ token }), unauthorized);
    await stage.see("revokeSession", "another device's", client.revokeSession({ token }), done);
    await stage.see("listSessions", "of a session that was ended", other.client.listSessions(), unauthorized);
    await stage.see("updateUser", "of a session that was ended", other.client.updateUser({ name: "Mallory" }), unauthorized);
    await stage.see("changeEmail", "of a session that was ended", other.client.changeEmail({ newEmail: "mallory@example.com" }), unauthorized);
    await stage.see(
      "changePassword",
      "of a session that was ended",
      other.client.changePassword({ currentPassword: ada.password, newPassword: "mallory's pass phrase" }),
      unauthorized,
    );
    await stage.see("deleteUser", "of a session that was ended", other.client.deleteUser({ password: "not her pass phrase" }), unauthorized);
    await stage.see("listAccounts", "of a session that was ended", other.client.listAccounts(), unauthorized);
    await stage.see("revokeSession", "of a session that was ended", other.client.revokeSession({ token }), unauthorized);
    await stage.see("revokeSessions", "of a session that was ended", other.client.revokeSessions(), unauthorized);
    await stage.see("revokeOtherSessions", "of a session that was ended", other.client.revokeOtherSessions(), unauthorized);
    await stage.see("getSession", "of a session that was ended", other.client.getSession(), ok(null));
    stage.find("getSession", "takes the cookie of an ended session", other.browser.sessionCookies().length, 0);
    await stage.see("signOut", "of a session that was ended", other.client.signOut(), ok({ success: true }));
    stage.find("revokeSession", "another device's: this one lives", await standing({ client, browser }), `signed in as ${ada.username}`);
    stage.find("revokeSession", "another device's: a third lives", await standing(third), `signed in as ${ada.username}`);
    await stage.see("revokeSession", "the same again", client.revokeSession({ token }), done);
    const own = (await client.getSession()).data?.session.token ?? "";
    await stage.see("revokeSession", "one's own", client.revokeSession({ token: own }), done);
    stage.find("revokeSession", "one's own: afterwards", await standing({ client, browser }), "signed out");
  }),

  scenario("ending all other sessions", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const others = [await anotherDevice(stage, ada), await anotherDevice(stage, ada)];
    await stage.see("revokeOtherSessions", "signed in", client.revokeOtherSessions(), done);
    stage.find("revokeOtherSessions", "the others", await Promise.all(others.map(standing)), ["signed out", "signed out"]);
    stage.find("revokeOtherSessions", "this one", await standing({ client, browser }), `signed in as ${ada.username}`);
    stage.find("revokeOtherSessions", "sessions left", (await client.listSessions()).data?.length, 1);
    await stage.see("revokeOtherSessions", "when there is none", client.revokeOtherSessions(), done);
    await stage.see("revokeOtherSessions", "anonymous", stage.device().client.revokeOtherSessions(), unauthorized);
  }),

  scenario("ending all sessions", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const other = await anotherDevice(stage, ada);
    const stranger = await enrolled(stage, "bea");
    await stage.see("revokeSessions", "signed in", client.revokeSessions(), done);
    stage.find("revokeSessions", "all devices", await Promise.all([standing({ client, browser }), standing(other)]), ["signed out", "signed out"]);
    stage.find("revokeSessions", "somebody else", await standing(stranger), `signed in as ${stranger.person.username}`);
    await stage.see("revokeSessions", "anonymous", stage.device().client.revokeSessions(), unauthorized);
  }),

  scenario("the account behind the user", async (stage) => {
    const { client } = await enrolled(stage, "ada");
    const one = { id: "string", accountId: "string", userId: "string", providerId: "credential", scopes: [], createdAt: "now", updatedAt: "now" };
    const list = await stage.see("listAccounts", "signed in", client.listAccounts(), ok([one]));
    const user = (await client.getSession()).data?.user;
    stage.find(
      "listAccounts",
      "it is the user's",
      list?.map(({ userId }) => userId === user?.id),
      [true],
    );
    await stage.see("listAccounts", "anonymous", stage.device().client.listAccounts(), unauthorized);
    await stage.see("getAccessToken", "of the password", client.getAccessToken(odd({ providerId: "credential" })), refused(400, "VALIDATION_ERROR"));
    await stage.see(
      "getAccessToken",
      "of a provider that nobody set up",
      client.getAccessToken(odd({ providerId: "github" })),
      refused(400, "VALIDATION_ERROR"),
    );
    await stage.see("refreshToken", "of the password", client.refreshToken(odd({ providerId: "credential" })), refused(400, "VALIDATION_ERROR"));
    await stage.see(
      "accountInfo",
      "of an account that is not there",
      client.accountInfo({ query: { accountId: "nothing" } }),
      refused(400, "ACCOUNT_NOT_FOUND"),
    );
    await stage.see(
      "updateSession",
      "with fields that nobody declared",
      client.updateSession(odd({ theme: "dark" })),
      refused(400, undefined, "No fields to update"),
    );
    await stage.see("updateSession", "anonymous", stage.device().client.updateSession(odd({ theme: "dark" })), unauthorized);
    await stage.see("linkSocial", "of a provider that nobody set up", client.linkSocial({ provider: "github" }), refused(404, "PROVIDER_NOT_FOUND"));
    await stage.see(
      "signIn.social",
      "of a provider that nobody set up",
      client.signIn.social({ provider: "github" }),
      refused(404, "PROVIDER_NOT_FOUND"),
    );
    await stage.see("unlinkAccount", "the only one", client.unlinkAccount(odd({ providerId: "credential" })), refused(400, "VALIDATION_ERROR"));
  }),
];

/** Every text of the list that is good for something: as a cookie of any name that this browser has, or as a bearer token, here or of the API.
 * @param {import("../stage.mjs").Stage} stage
 * @param {import("../browser.mjs").Browser} browser
 * @param {object[]} list */
async function openers({ api }, browser, list) {
  const texts = list.flatMap((one) => Object.entries(one)).filter(([, value]) => typeof value === "string" && value !== "");
  const names = (browser.cookies().cookie ?? "").split("; ").map((pair) => pair.split("=")[0]);
  const found = [];
  for (const [key, text] of texts) {
    const value = encodeURIComponent(text);
    const headers = [...names.map((name) => ({ cookie: `${name}=${value}` })), { authorization: `Bearer ${value}` }];
    for (const shown of headers) {
      const session = await (await browser.send("GET", "/api/auth/get-session", shown)).json();
      const through = await browser.send("GET", "/api/v1/user/me", shown);
      const direct = api ? await fetch(api, { headers: shown }) : through;
      if (session !== null || through.ok || direct.ok) found.push(`${key} as ${Object.keys(shown)}`);
    }
  }
  return found;
}
