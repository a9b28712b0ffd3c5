// @ts-check
/** The brief's own actions and helpers as they stand, behind a gateway that hands the token down. */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { CLEARING, at, test } from "../browser/harness.mjs";
import { ada, grace } from "../browser/people.mjs";
import { EXPIRED, button, seesLogin, sessionCookie, submitLogin, submitRegistration } from "./people.mjs";
import { MODE, STARTING, startSite } from "./servers.mjs";

// What the brief calls `NEXT_PUBLIC_` is fixed when it is built: only the development server takes an address at its start.
if (MODE === "dev") describe("the brief's own app", () => {
  /** @type {ReturnType<typeof startSite>} */
  let site;
  before(() => (site = startSite("before", "dev")), STARTING);
  after(async () => (await site).end(), CLEARING);
  const start = async () => ({ ...(await site), end: async () => {} });

  /** @param {import("./people.mjs").Page} page @param {{ name: string }} person */
  const sees = (page, { name }) => page.getByRole("heading", { level: 1, name }).waitFor();

  test("the brief's app registers, signs in, survives the access token's end and signs out", {}, async ({ page, stage }) => {
    await page.goto("/register", { waitUntil: "networkidle" });
    await submitRegistration(page, ada);
    await seesLogin(page);
    await submitLogin(page, ada.username, "not the password");
    await page.getByText("Invalid credentials").waitFor();
    await submitLogin(page, ada.username, ada.password);
    await sees(page, ada);

    await stage.count("");
    for (let rounds = 0; rounds < 2; rounds++) {
      await stage.advance(EXPIRED);
      await page.reload();
      await sees(page, ada);
      assert.equal(await stage.count("POST /api/v1/refresh"), 1);
    }
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map(({ name }) => name).sort(), ["vestibule", "vestibule_hint"], "the token itself stays inside");

    await button(page, "Sign out").click();
    await seesLogin(page);
    assert.equal(await sessionCookie(page), undefined);
    await page.goto("/dashboard?tab=one");
    await seesLogin(page);
    assert.equal(at(page), "/login?next=%2Fdashboard%3Ftab%3Done");
  }, start);

  test("what the brief's sign-out could not do: the session is over in the API", {}, async ({ page, stage }) => {
    await page.goto("/register", { waitUntil: "networkidle" });
    await submitRegistration(page, grace);
    await seesLogin(page);
    await submitLogin(page, grace.username, grace.password);
    await sees(page, grace);
    const copied = await page.context().cookies();
    await button(page, "Sign out").click();
    await seesLogin(page);
    await page.context().addCookies(copied);
    await page.goto("/dashboard");
    await seesLogin(page);
    assert.equal((await page.request.get(`${stage.site}/api/v1/user/me`)).status(), 401);
  }, start);
});
