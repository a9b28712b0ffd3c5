// @ts-check
/**
 * What people do in the example, by the words they see; where it is as on Vestibule's own pages, that is used.
 * @module
 */
import assert from "node:assert/strict";

import { seesLogin, signOutButton, submitLogin } from "../browser/people.mjs";

export { alerts, field, seesLogin, sessionCookie, signInButton, signOutButton, submitLogin, submitRegistration } from "../browser/people.mjs";

/** @typedef {import("../browser/harness.mjs").Page} Page */
/** @typedef {import("../browser/people.mjs").Person} Person */

/** Longer than an access token lives, in seconds. */
export const EXPIRED = 1801;

/** Waits until the dashboard shows this person.
 * @param {Page} page
 * @param {{ name: string }} person */
export async function sees(page, { name }) {
  await page.getByRole("main").getByRole("heading", { level: 1, name }).waitFor();
  await page.getByRole("heading", { name: "Your account" }).waitFor();
}

/** Signs in as the form does that is sent without JavaScript, and opens the dashboard. That people can do it is for other journeys.
 * @param {Page} page of somebody who is signed out
 * @param {Person} person */
export async function signIn(page, person) {
  const { username, password } = person;
  const answer = await page.request.post("/login", { form: { username, password }, maxRedirects: 0 });
  assert.equal(answer.status(), 303);
  await page.goto("/dashboard");
  await sees(page, person);
}

/** Signs in as people do, and waits for the dashboard.
 * @param {Page} page
 * @param {Person} person */
export async function signInByHand(page, person) {
  await page.goto("/login");
  await submitLogin(page, person.username, person.password);
  await sees(page, person);
}

/** @param {Page} page */
export async function signOut(page) {
  await signOutButton(page).click();
  await seesLogin(page);
}

/** Follows a link of the dashboard, as Next.js does it: without loading a document.
 * @param {Page} page
 * @param {string} name */
export const openTab = (page, name) => page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name, exact: true }).click();

/** A page that notices no sign-out by itself: to its scripts the cookies stay as they were at first.
 * @param {Page} page */
export const withoutNotice = (page) =>
  page.addInitScript(() => {
    const cookies = document.cookie;
    Object.defineProperty(document, "cookie", { get: () => cookies });
  });

/** A browser that can't say when a cookie changes: nothing but what its page does shows it a sign-out elsewhere.
 * @param {Page} page */
export const withoutCookieEvents = (page) => page.addInitScript(() => void Object.defineProperty(window, "cookieStore", { value: undefined }));

/** A button by its words. @param {Page} page @param {string} name */
export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** Waits until all ten names of a list are there.
 * @param {Page} page
 * @param {"On the server" | "In the browser"} where
 * @param {Person} person */
export async function seesTenNames(page, where, { username }) {
  await page.getByRole("list", { name: where }).getByText(username, { exact: true }).nth(9).waitFor();
}
