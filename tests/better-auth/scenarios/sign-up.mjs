// @ts-check
import { ok, refused } from "../outcome.mjs";
import { both, signedIn, signedUp, user } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { enrolled, opens, standing } from "./people.mjs";

/** @param {object} fields of any kind @returns {any} */
const odd = (fields) => fields;

/** @type {import("../stage.mjs").Scenario[]} */
export const signUp = [
  scenario("somebody signs up with a username", async (stage) => {
    const [ada, { client, browser }] = [stage.person("ada"), stage.device()];
    const data = await stage.see("signUp.email", "with a username", client.signUp.email(ada), ok(signedUp(ada)));
    stage.find("signUp.email", "cookie of the session", kept(browser), { count: 1, sameSite: "Lax", path: "/", isSecure: false, lasts: "7 days" });
    const now = await stage.see("getSession", "after signing up", client.getSession(), ok(both(ada, browser.address)));
    stage.find(
      "getSession",
      "the session is the user's, and the user the one who signed up",
      [now?.session.userId === data?.user?.id, now?.user.id === data?.user?.id],
      [true, true],
    );
    stage.find(
      "getSession",
      "times are dates",
      Object.entries({ ...now?.session, ...now?.user })
        .filter(([, value]) => value instanceof Date)
        .map(([key]) => key)
        .sort(),
      ["createdAt", "expiresAt", "updatedAt"],
    );
    stage.find(
      "getSession",
      "a session ends after it began",
      now && now.session.expiresAt > now.session.createdAt && now.session.updatedAt >= now.session.createdAt,
      true,
    );
  }),

  scenario("somebody signs up without a username", async (stage) => {
    const [{ username, ...ada }, { client, browser }] = [stage.person("ada"), stage.device()];
    const nameless = { username: null, displayUsername: null };
    const data = { token: "string", user: user({ ...ada, username }, nameless) };
    await stage.see("signUp.email", "without a username", client.signUp.email(ada), ok(data));
    await stage.see("getSession", "without a username", client.getSession(), ok(both({ ...ada, username }, browser.address, nameless)));
    await stage.see("signIn.email", "without a username", stage.device().client.signIn.email(ada), ok({ redirect: false, ...data }));
  }),

  scenario("names, addresses and usernames as people type them", async (stage) => {
    const ada = stage.person("ada");
    const typed = { ...ada, email: ada.email.replace("ada", "Ada"), username: ada.username.replace("ada", "Ada") };
    const { client } = stage.device();
    await stage.see("signUp.email", "with capitals", client.signUp.email(typed), ok(signedUp(ada, { displayUsername: typed.username })));
    const [bea, other] = [stage.person("bea"), stage.device()];
    const image = "https://example.com/bea.png";
    await stage.see("signUp.email", "with an image", other.client.signUp.email({ ...bea, image }), ok(signedUp(bea, { image })));
    await stage.see("getSession", "with an image", other.client.getSession(), ok(both(bea, other.browser.address, { image })));
    const dai = { ...stage.person("dai"), name: "Đài Müller-O'Neil 🚀", password: "pässwörter 🚀 für Đài" };
    await stage.see("signUp.email", "with letters from everywhere", stage.device().client.signUp.email(dai), ok(signedUp(dai)));
    await stage.see("signIn.email", "with letters from everywhere", stage.device().client.signIn.email(dai), ok(signedIn(dai)));
    const cai = stage.person("cai");
    await stage.see(
      "signUp.email",
      "with a name of its own for show",
      stage.device().client.signUp.email({ ...cai, displayUsername: "Cai of Wales" }),
      ok(signedUp(cai, { displayUsername: "Cai of Wales" })),
    );
  }),

  scenario("who signs up gets what is a person's to give, and no more", async (stage) => {
    const ada = stage.person("ada");
    const { client } = stage.device();
    const greedy = {
      ...ada,
      emailVerified: true,
      id: "1000",
      createdAt: "1999-01-01T00:00:00.000Z",
      isSuperuser: true,
      role: "admin",
      tierId: 1,
      shoeSize: 38,
    };
    await stage.see("signUp.email", "with fields that are not for it", client.signUp.email(odd(greedy)), ok(signedUp(ada)));
  }),

  scenario("a session that is not to be remembered, from signing up", async (stage) => {
    const [ada, { client, browser }] = [stage.person("ada"), stage.device()];
    await stage.see("signUp.email", "not to be remembered", client.signUp.email(odd({ ...ada, rememberMe: false })), ok(signedUp(ada)));
    stage.find("signUp.email", "cookie of a session that is not to be remembered", kept(browser).lasts, "until the browser ends");
  }),

  scenario("what is taken is not given twice", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const bea = stage.person("bea");
    const { client, browser } = stage.device();
    const emailTaken = refused(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.");
    const nameTaken = refused(400, "USERNAME_IS_ALREADY_TAKEN");
    await stage.see("signUp.email", "taken address", client.signUp.email({ ...bea, email: ada.email }), emailTaken);
    await stage.see("signUp.email", "taken address, in capitals", client.signUp.email({ ...bea, email: ada.email.toUpperCase() }), emailTaken);
    await stage.see("signUp.email", "taken username", client.signUp.email({ ...bea, username: ada.username }), nameTaken);
    await stage.see("signUp.email", "both taken", client.signUp.email({ ...bea, email: ada.email, username: ada.username }), nameTaken);
    stage.find("signUp.email", "cookies after refusals", browser.sessionCookies().length, 0);
    stage.find("signUp.email", "the account is as it was", await opens(stage, ada.username, ada.password), "yes");
    stage.find("signUp.email", "the other does not exist", await opens(stage, bea.username, bea.password), "no");
    await stage.see(
      "signUp.email",
      "taken username, in capitals",
      stage.device().client.signUp.email({ ...bea, username: ada.username.toUpperCase() }),
      nameTaken,
    );
  }),

  scenario("what can't be signed up with", async (stage) => {
    const { client, browser } = stage.device();
    const ada = stage.person("ada");
    /** @type {[string, object, import("../outcome.mjs").Outcome][]} */
    const cases = [
      ["short password", { password: "seven77" }, refused(400, "PASSWORD_TOO_SHORT", "Password too short")],
      ["long password", { password: "a".repeat(300) }, refused(400, "PASSWORD_TOO_LONG", "Password too long")],
      ["bad address", { email: "ada" }, refused(400, "VALIDATION_ERROR")],
      ["empty address", { email: "" }, refused(400, "VALIDATION_ERROR")],
      ["address with blanks around", { email: ` ${ada.email} ` }, refused(400, "VALIDATION_ERROR")],
      ["empty password", { password: "" }, refused(400, "VALIDATION_ERROR")],
      ["image that is a number", { image: 5 }, refused(400, "VALIDATION_ERROR")],
      ["no address", { email: undefined }, refused(400, "VALIDATION_ERROR")],
      ["no name", { name: undefined }, refused(400, "VALIDATION_ERROR")],
      ["no password", { password: undefined }, refused(400, "VALIDATION_ERROR")],
      ["password that is a number", { password: 12345678 }, refused(400, "VALIDATION_ERROR")],
      ["name that is a number", { name: 5 }, refused(400, "VALIDATION_ERROR")],
      ["address that is a list", { email: ["a@example.com"] }, refused(400, "VALIDATION_ERROR")],
      ["short username", { username: "a" }, refused(400, "USERNAME_TOO_SHORT", "Username is too short")],
      ["long username", { username: "a".repeat(31) }, refused(400, "USERNAME_TOO_LONG", "Username is too long")],
      ["username with a blank", { username: "ada lovelace" }, refused(400, "INVALID_USERNAME", "Username is invalid")],
      ["username with an @", { username: "ada@home" }, refused(400, "INVALID_USERNAME", "Username is invalid")],
    ];
    for (const [what, fields, expected] of cases) {
      await stage.see("signUp.email", what, client.signUp.email(odd({ ...ada, ...fields })), expected);
    }
    stage.find("signUp.email", "nobody is signed in after refusals", await standing({ client, browser }), "signed out");
    await stage.see("signUp.email", "the same person after all", client.signUp.email(ada), ok(signedUp(ada)));
  }),

  scenario("what only one of the two takes", async (stage) => {
    const fine = async (/** @type {string} */ what, /** @type {string} */ first, /** @type {string} */ username) => {
      const person = { ...stage.person(first), username };
      await stage.see(
        "signUp.email",
        what,
        stage.device().client.signUp.email(person),
        ok(signedUp({ ...person, username: username.toLowerCase() }, { displayUsername: username })),
      );
    };
    await fine("username with a full stop", "ada", "ada.lovelace");
    await fine("username with an underscore", "bea", "bea_lovelace");
    await fine("username of 21 letters", "cai", "c".repeat(21));
    const two = { ...stage.person("dai"), username: "dd" };
    await stage.see("signUp.email", "username of two letters", stage.device().client.signUp.email(two), refused(400, "USERNAME_TOO_SHORT"));
    const short = { ...stage.person("eve"), name: "E" };
    await stage.see("signUp.email", "name of one letter", stage.device().client.signUp.email(short), ok(signedUp(short)));
    const long = { ...stage.person("fay"), name: "F".repeat(31) };
    await stage.see("signUp.email", "name of 31 letters", stage.device().client.signUp.email(long), ok(signedUp(long)));
    const empty = { ...stage.person("gil"), name: "" };
    await stage.see("signUp.email", "empty name", stage.device().client.signUp.email(empty), ok(signedUp(empty)));
    const wordy = { ...stage.person("hal"), password: "w".repeat(200) };
    await stage.see("signUp.email", "password of 200 letters", stage.device().client.signUp.email(wordy), refused(400, "PASSWORD_TOO_LONG"));
    const addressed = { ...stage.person("jan"), email: `${"j".repeat(65)}@example.com` };
    await stage.see("signUp.email", "address too long for mail", stage.device().client.signUp.email(addressed), ok(signedUp(addressed)));
    const painted = { ...stage.person("ida"), image: "not an address" };
    await stage.see(
      "signUp.email",
      "image that is no address",
      stage.device().client.signUp.email(painted),
      ok(signedUp(painted, { image: "not an address" })),
    );
  }),

  scenario("whether a username is free", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { client } = stage.device();
    const ask = (/** @type {string} */ what, /** @type {any} */ username, /** @type {import("../outcome.mjs").Outcome} */ expected) =>
      stage.see("isUsernameAvailable", what, client.isUsernameAvailable({ username }), expected);
    await ask("free", `free${ada.username}`, ok({ available: true }));
    await ask("taken", ada.username, ok({ available: false }));
    await ask("taken, in capitals", ada.username.toUpperCase(), ok({ available: false }));
    await ask("too short", "a", refused(422, "USERNAME_TOO_SHORT"));
    await ask("too long", "a".repeat(31), refused(422, "USERNAME_TOO_LONG"));
    await ask("malformed", "ada lovelace", refused(422, "INVALID_USERNAME"));
    await ask("a number", 5, refused(400, "VALIDATION_ERROR"));
    await ask("empty", "", refused(422, "INVALID_USERNAME"));
  }),
];

/** The cookies that keep somebody signed in. @param {import("../browser.mjs").Browser} browser */
export function kept(browser) {
  const cookies = browser.sessionCookies();
  const [first] = cookies;
  if (!first) return { count: 0 };
  const { sameSite, path, isSecure, lasts } = first;
  const until = lasts === undefined ? "until the browser ends" : `${Math.round(lasts / 86_400)} days`;
  return { count: cookies.length, sameSite, path, isSecure, lasts: until };
}
