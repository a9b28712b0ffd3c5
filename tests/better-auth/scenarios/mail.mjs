// @ts-check
import { ok, refused } from "../outcome.mjs";
import { scenario } from "../stage.mjs";
import { enrolled, opens } from "./people.mjs";

/** What needs mail, where none is set up. @type {import("../stage.mjs").Scenario[]} */
export const mail = [
  scenario("a forgotten password", async (stage) => {
    const { person: ada } = await enrolled(stage, "ada");
    const { client, browser } = stage.device();
    const disabled = refused(400, "RESET_PASSWORD_DISABLED", "Reset password isn't enabled");
    await stage.see("requestPasswordReset", "known address", client.requestPasswordReset({ email: ada.email }), disabled);
    await stage.see("requestPasswordReset", "unknown address", client.requestPasswordReset({ email: `un${ada.email}` }), disabled);
    await stage.see("requestPasswordReset", "bad address", client.requestPasswordReset({ email: "ada" }), refused(400, "VALIDATION_ERROR"));
    await stage.see(
      "requestPasswordReset",
      "another site's redirectTo",
      client.requestPasswordReset({ email: ada.email, redirectTo: "https://evil.example/" }),
      refused(403, "INVALID_REDIRECT_URL"),
    );
    await stage.see(
      "resetPassword",
      "unknown token",
      client.resetPassword({ newPassword: "another pass phrase", token: "of nobody" }),
      refused(400, "INVALID_TOKEN"),
    );
    await stage.see("resetPassword", "no token", client.resetPassword({ newPassword: "another pass phrase" }), refused(400, "INVALID_TOKEN"));
    await stage.see(
      "resetPassword",
      "short",
      client.resetPassword({ newPassword: "seven77", token: "of nobody" }),
      refused(400, "PASSWORD_TOO_SHORT"),
    );
    await stage.see(
      "resetPassword",
      "no password",
      client.resetPassword(/** @type {any} */ ({ token: "of nobody" })),
      refused(400, "VALIDATION_ERROR"),
    );
    stage.find("resetPassword", "the old password", await opens(stage, ada.username, ada.password), "yes");
    const link = await browser.send("GET", "/api/auth/reset-password/nobody?callbackURL=%2Freset");
    stage.find(
      "resetPassword",
      "a link that is not good",
      [link.status, link.headers.get("location")?.replace(stage.site, "")],
      [302, "/reset?error=INVALID_TOKEN"],
    );
    await stage.seeResponse(
      "resetPassword",
      "a link to another site",
      browser.send("GET", "/api/auth/reset-password/nobody?callbackURL=https%3A%2F%2Fevil.example"),
      refused(403, "INVALID_CALLBACK_URL"),
    );
    await stage.see("forgetPassword", "which is gone", /** @type {any} */ (client).forgetPassword({ email: ada.email }), refused(404));
  }),

  scenario("an address that is to be verified", async (stage) => {
    const { person: ada, client } = await enrolled(stage, "ada");
    const anonymous = stage.device();
    const disabled = refused(400, "VERIFICATION_EMAIL_NOT_ENABLED", "Verification email isn't enabled");
    await stage.see("sendVerificationEmail", "one's own address", client.sendVerificationEmail({ email: ada.email }), disabled);
    await stage.see("sendVerificationEmail", "anonymous", anonymous.client.sendVerificationEmail({ email: ada.email }), disabled);
    await stage.see("sendVerificationEmail", "bad address", client.sendVerificationEmail({ email: "ada" }), refused(400, "VALIDATION_ERROR"));
    await stage.see("verifyEmail", "unknown token", client.verifyEmail({ query: { token: "of nobody" } }), refused(401, "INVALID_TOKEN"));
    await stage.see("verifyEmail", "no token", client.verifyEmail({ query: /** @type {any} */ ({}) }), refused(400, "VALIDATION_ERROR"));
    const link = await anonymous.browser.send("GET", "/api/auth/verify-email?token=nobody&callbackURL=%2Fverified");
    stage.find(
      "verifyEmail",
      "a link that is not good",
      [link.status, link.headers.get("location")?.replace(stage.site, "")],
      [302, "/verified?error=INVALID_TOKEN"],
    );
    await stage.seeResponse(
      "verifyEmail",
      "a link to another site",
      anonymous.browser.send("GET", "/api/auth/verify-email?token=nobody&callbackURL=https%3A%2F%2Fevil.example"),
      refused(403, "INVALID_CALLBACK_URL"),
    );
    stage.find("verifyEmail", "the address", (await client.getSession()).data?.user.emailVerified, false);
  }),
];
