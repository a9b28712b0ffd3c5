// @ts-check
import { ok, refused } from "../outcome.mjs";
import { signedIn } from "../shapes.mjs";
import { scenario } from "../stage.mjs";
import { enrolled, standing } from "./people.mjs";

const nothing = refused(404);

/** @type {import("../stage.mjs").Scenario[]} */
export const wire = [
  scenario("what no client sends by itself", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const json = { "content-type": "application/json" };
    const post = (/** @type {string} */ path, /** @type {Record<string, string>} */ headers, /** @type {string} */ body) =>
      browser.send("POST", `/api/auth${path}`, headers, body);
    const credentials = JSON.stringify({ email: ada.email, password: ada.password });
    await stage.see("/ok", "GET", client.$fetch("/ok"), ok({ ok: true }));
    const page = await browser.send("GET", "/api/auth/error?error=SOMETHING");
    stage.find("/error", "a page", [page.status, page.headers.get("content-type")?.split(";")[0]], [200, "text/html"]);
    const script = await browser.send("GET", "/api/auth/error?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    stage.find("/error", "no script of a stranger", (await script.text()).includes("<script>alert(1)"), false);
    await stage.see("unknown calls", "unknown", /** @type {any} */ (client).notThere.atAll({ x: 1 }), refused(404));
    await stage.see("unknown calls", "unknown, by GET", /** @type {any} */ (client).notThere(), refused(404));
    for (const [what, type] of /** @type {const} */ ([
      ["text", "text/plain"],
      ["xml", "application/xml"],
      ["JSON of a kind", "application/vnd.api+json"],
    ])) {
      const headers = { "content-type": type };
      await stage.seeResponse(
        "signIn.email",
        `body of type ${what}`,
        post("/sign-in/email", headers, credentials),
        refused(415, "UNSUPPORTED_MEDIA_TYPE"),
      );
      await stage.seeResponse(
        "updateUser",
        `body of type ${what}`,
        post("/update-user", { ...headers, ...browser.cookies(), origin: stage.site }, '{"name":"Mallory"}'),
        refused(415, "UNSUPPORTED_MEDIA_TYPE"),
      );
    }
    await stage.seeResponse(
      "signIn.email",
      "with a parameter of the type",
      post("/sign-in/email", { "content-type": "application/json; charset=utf-8" }, credentials),
      ok(signedIn(ada)),
    );
    await stage.seeResponse(
      "signIn.email",
      "as a form",
      post("/sign-in/email", { "content-type": "application/x-www-form-urlencoded" }, new URLSearchParams(JSON.parse(credentials)).toString()),
      ok(signedIn(ada)),
    );
    await stage.seeResponse("signIn.email", "body without a type", post("/sign-in/email", {}, credentials), refused(400, "VALIDATION_ERROR"));
    for (const [what, body] of /** @type {const} */ ([
      ["half of JSON", '{"email":'],
      ["no JSON", "hello"],
    ])) {
      await stage.seeResponse("signIn.email", `body: ${what}`, post("/sign-in/email", json, body), refused(400, "BAD_REQUEST"));
    }
    for (const [what, body] of /** @type {const} */ ([
      ["null", "null"],
      ["a list", "[]"],
      ["text", '"x"'],
      ["an empty object", "{}"],
    ])) {
      await stage.seeResponse("signIn.email", `body: ${what}`, post("/sign-in/email", json, body), refused(400, "VALIDATION_ERROR"));
    }
    await stage.seeResponse("signIn.email", "no body", browser.send("POST", "/api/auth/sign-in/email", json), refused(400, "VALIDATION_ERROR"));
    for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
      await stage.seeResponse("unknown calls", `${method} /sign-in/email`, browser.send(method, "/api/auth/sign-in/email"), nothing);
    }
    for (const [method, path] of [
      ["HEAD", "/get-session"],
      ["OPTIONS", "/get-session"],
      ["GET", "/get-session/"],
      ["GET", "/ok/"],
      ["POST", "/ok"],
      ["GET", "/sign-out"],
      ["GET", ""],
      ["GET", "/"],
      ["GET", "/SIGN-OUT"],
    ]) {
      await stage.seeResponse("unknown calls", `${method} ${path}`, browser.send(method, `/api/auth${path}`), nothing);
    }
    await stage.seeResponse(
      "signOut",
      "without body and type",
      browser.send("POST", "/api/auth/sign-out", { ...browser.cookies(), origin: stage.site }),
      ok({ success: true }),
    );
    stage.find("signOut", "without body and type: afterwards", await standing({ client, browser }), "signed out");
  }),
];
