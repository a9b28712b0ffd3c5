// @ts-check
import { ok, refused } from "../outcome.mjs";
import { both, signedUp, user } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { anotherDevice, copySignsIn, enrolled, opens, standing } from "./people.mjs";

/** @param {object} fields of any kind @returns {any} */
const odd = (fields) => fields;

const done = ok({ status: true });
const unauthorized = refused(401, "UNAUTHORIZED", "Unauthorized");

/** @type {import("../stage.mjs").Scenario[]} */
export const account = [
  scenario("changing one's name and image", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const image = "https://example.com/ada.png";
    const now = (/** @type {string} */ what, more = {}) => stage.see("getSession", what, client.getSession(), ok(both(ada, browser.address, more)));
    await stage.see("updateUser", "name", client.updateUser({ name: "Ada King" }), done);
    await now("after a new name", { name: "Ada King" });
    await stage.see("updateUser", "image", client.updateUser({ image }), done);
    await now("after a new image", { name: "Ada King", image });
    await stage.see("updateUser", "no image", client.updateUser({ image: null }), done);
    await now("after the image went", { name: "Ada King" });
    await stage.see("updateUser", "name and image", client.updateUser({ name: ada.name, image }), done);
    await now("after a new name and image", { image });
    const other = await anotherDevice(stage, ada);
    await client.updateUser({ name: "Ada Byron" });
    await stage.see("getSession", "on another device", other.client.getSession(), ok(both(ada, browser.address, { name: "Ada Byron", image })));
  }),

  scenario("changes that are refused", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const { person: bea } = await enrolled(stage, "bea");
    await stage.see(
      "updateUser",
      "address",
      client.updateUser(odd({ email: "new@example.com" })),
      refused(400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated"),
    );
    await stage.see("updateUser", "malformed username", client.updateUser({ username: "ada lovelace" }), refused(400, "INVALID_USERNAME"));
    await stage.see("updateUser", "short username", client.updateUser({ username: "a" }), refused(400, "USERNAME_TOO_SHORT"));
    await stage.see("updateUser", "long username", client.updateUser({ username: "a".repeat(31) }), refused(400, "USERNAME_TOO_LONG"));
    await stage.see("updateUser", "nothing at all: a GET", client.updateUser({}), refused(404));
    await stage.see("updateUser", "nothing that it knows", client.updateUser(odd({ shoeSize: 38 })), refused(400, undefined, "No fields to update"));
    await stage.see(
      "updateUser",
      "server's own fields",
      client.updateUser(odd({ name: ada.name, emailVerified: true, id: "1", isSuperuser: true, tierId: 9 })),
      done,
    );
    await stage.see("updateUser", "name that is a number", client.updateUser(odd({ name: 5 })), done);
    await stage.see("updateUser", "empty name", client.updateUser({ name: "" }), done);
    await stage.see("updateUser", "no name", client.updateUser(odd({ name: null })), done);
    await stage.see("updateUser", "name as it was", client.updateUser({ name: ada.name }), done);
    await stage.see("updateUser", "image that is no address", client.updateUser({ image: "not an address" }), done);
    await client.updateUser({ image: null });
    await stage.see("getSession", "after refused changes", client.getSession(), ok(both(ada, browser.address)));
    await stage.see("updateUser", "anonymous", stage.device().client.updateUser({ name: "Nobody" }), unauthorized);
    await stage.see("updateUser", "taken username", client.updateUser({ username: bea.username }), refused(400, "USERNAME_IS_ALREADY_TAKEN"));
  }),

  scenario("changing one's username", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const other = await anotherDevice(stage, ada);
    const username = `new${ada.username}`;
    await stage.see("updateUser", "username", client.updateUser({ username }), done);
    await stage.see("getSession", "after a new username", client.getSession(), ok(both(ada, browser.address, { username })));
    stage.find("updateUser", "username: the other device", await standing(other), `signed in as ${username}`);
    stage.find("updateUser", "username: the old one", await opens(stage, ada.username, ada.password), "no");
    stage.find("updateUser", "username: the new one", await opens(stage, username, ada.password), "yes");
    await stage.see("updateUser", "username: one's own again", client.updateUser({ username }), done);
    await stage.see("updateUser", "username in capitals", client.updateUser({ username: username.toUpperCase() }), done);
    await stage.see("isUsernameAvailable", "one that was given up", client.isUsernameAvailable({ username: ada.username }), ok({ available: true }));
  }),

  scenario("changing one's address", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const { person: bea } = await enrolled(stage, "bea");
    const newEmail = `new${ada.email}`;
    await stage.see("changeEmail", "bad address", client.changeEmail({ newEmail: "ada" }), refused(400, "VALIDATION_ERROR"));
    await stage.see("changeEmail", "no address", client.changeEmail(odd({ callbackURL: "/" })), refused(400, "VALIDATION_ERROR"));
    await stage.see("changeEmail", "the same address", client.changeEmail({ newEmail: ada.email }), refused(400, undefined, "Email is the same"));
    await stage.see(
      "changeEmail",
      "another site's callbackURL",
      client.changeEmail({ newEmail, callbackURL: "https://evil.example/" }),
      refused(403, "INVALID_CALLBACK_URL"),
    );
    await stage.see("changeEmail", "taken address", client.changeEmail({ newEmail: bea.email }), done);
    await stage.see("getSession", "after addresses that were refused", client.getSession(), ok(both(ada, browser.address)));
    await stage.see("changeEmail", "new address", client.changeEmail({ newEmail }), done);
    await stage.see("getSession", "after a new address", client.getSession(), ok(both({ ...ada, email: newEmail }, browser.address)));
    const signIn = (/** @type {string} */ email) => stage.device().client.signIn.email({ email, password: ada.password });
    await stage.see("signIn.email", "with the old address", signIn(ada.email), refused(401, "INVALID_EMAIL_OR_PASSWORD"));
    stage.find("changeEmail", "the new one signs in", (await signIn(newEmail)).error, null);
    stage.find("changeEmail", "the other's is still the other's", (await stage.device().client.signIn.email(bea)).data?.user.name, bea.name);
    await stage.see("changeEmail", "anonymous", stage.device().client.changeEmail({ newEmail: "x@example.com" }), unauthorized);
  }),

  scenario("changing one's password", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const [currentPassword, newPassword] = [ada.password, "another pass phrase"];
    await stage.see(
      "changePassword",
      "wrong password",
      client.changePassword({ currentPassword: "not her pass phrase", newPassword }),
      refused(400, "INVALID_PASSWORD", "Invalid password"),
    );
    await stage.see(
      "changePassword",
      "short",
      client.changePassword({ currentPassword, newPassword: "seven77" }),
      refused(400, "PASSWORD_TOO_SHORT"),
    );
    await stage.see(
      "changePassword",
      "long",
      client.changePassword({ currentPassword, newPassword: "a".repeat(300) }),
      refused(400, "PASSWORD_TOO_LONG"),
    );
    await stage.see("changePassword", "none", client.changePassword(odd({ currentPassword })), refused(400, "VALIDATION_ERROR"));
    await stage.see("changePassword", "no current one", client.changePassword(odd({ newPassword })), refused(400, "VALIDATION_ERROR"));
    stage.find("changePassword", "after refusals the old one", await opens(stage, ada.username, currentPassword), "yes");
    await stage.see("changePassword", "right", client.changePassword({ currentPassword, newPassword }), ok({ token: null, user: user(ada) }));
    await stage.see("getSession", "after a new password", client.getSession(), ok(both(ada, browser.address)));
    stage.find("changePassword", "afterwards the old one", await opens(stage, ada.username, currentPassword), "no");
    stage.find("changePassword", "afterwards the new one", await opens(stage, ada.username, newPassword), "yes");
    await stage.see(
      "changePassword",
      "to what it was",
      client.changePassword({ currentPassword: newPassword, newPassword }),
      ok({ token: null, user: user(ada) }),
    );
    await stage.see("changePassword", "anonymous", stage.device().client.changePassword({ currentPassword, newPassword }), unauthorized);
  }),

  scenario("a new password and the other devices", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const [second, third] = ["the second pass phrase", "the third pass phrase"];
    const one = await anotherDevice(stage, ada);
    await client.changePassword({ currentPassword: ada.password, newPassword: second });
    stage.find("changePassword", "the other device, unasked", await standing(one), `signed in as ${ada.username}`);
    const two = await anotherDevice(stage, { ...ada, password: second });
    const before = browser.cookies();
    await stage.see(
      "changePassword",
      "with revokeOtherSessions",
      client.changePassword({ currentPassword: second, newPassword: third, revokeOtherSessions: true }),
      ok(signedUp(ada)),
    );
    stage.find("changePassword", "with revokeOtherSessions: the other device", await standing(two), "signed out");
    stage.find("changePassword", "with revokeOtherSessions: this device", await standing({ client, browser }), `signed in as ${ada.username}`);
    stage.find("changePassword", "with revokeOtherSessions: one session is left", (await client.listSessions()).data?.length, 1);
    stage.find("changePassword", "with revokeOtherSessions: whom the cookie of before signs in", await copySignsIn(stage, before), "nobody");
  }),

  scenario("deleting one's account", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const other = await anotherDevice(stage, ada);
    const copy = browser.cookies();
    await stage.see("deleteUser", "anonymous", stage.device().client.deleteUser({ password: ada.password }), unauthorized);
    await stage.see(
      "deleteUser",
      "wrong password",
      client.deleteUser({ password: "not her pass phrase" }),
      refused(400, "INVALID_PASSWORD", "Invalid password"),
    );
    stage.find("deleteUser", "after a wrong password", await standing({ client, browser }), `signed in as ${ada.username}`);
    await stage.see(
      "deleteUser",
      "another site's callbackURL",
      client.deleteUser({ password: ada.password, callbackURL: "https://evil.example/" }),
      refused(403, "INVALID_CALLBACK_URL"),
    );
    await stage.see("deleteUser", "unknown token", client.deleteUser({ token: "of nobody" }), refused(404, "INVALID_TOKEN"));
    await stage.see("deleteUser", "right password", client.deleteUser({ password: ada.password }), ok({ success: true, message: "User deleted" }));
    stage.find("deleteUser", "no session cookie is left", browser.sessionCookies().length, 0);
    await stage.see("getSession", "after deleting the account", client.getSession(), ok(null));
    stage.find("deleteUser", "whom a copy of the cookie signs in", await copySignsIn(stage, copy), "nobody");
    stage.find("deleteUser", "the other device", await standing(other), "signed out");
    await stage.see("updateUser", "of a deleted account", other.client.updateUser({ name: "Mallory" }), unauthorized);
    await stage.see("signIn.email", "of a deleted account", stage.device().client.signIn.email(ada), refused(401, "INVALID_EMAIL_OR_PASSWORD"));
    await stage.see(
      "signIn.username",
      "of a deleted account",
      stage.device().client.signIn.username(ada),
      refused(401, "INVALID_USERNAME_OR_PASSWORD"),
    );
  }),

  scenario("deleting an account that was just made, without a password", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    await stage.see("deleteUser", "a fresh session, without a password", client.deleteUser(), ok({ success: true, message: "User deleted" }));
    stage.find("deleteUser", "without a password: afterwards", await standing({ client, browser }), "signed out");
    stage.find("deleteUser", "without a password: the account", await opens(stage, ada.username, ada.password), "no");
  }),
];
