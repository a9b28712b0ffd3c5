// @ts-check
/**
 * What people do on the pages, by the words they see.
 * @module
 */
import assert from "node:assert/strict";

/**
 * @typedef {import("playwright-core").Page} Page
 * @typedef {{ name: string, username: string, email: string, password: string }} Person
 */

/** @type {Person} */
export const ada = {
  name: "Ada Lovelace",
  username: "ada",
  email: "ada@example.com",
  password: "engine of brass 1843",
};

/** @type {Person} */
export const grace = {
  name: "Grace Hopper",
  username: "grace",
  email: "grace@example.com",
  password: "moth in relay 70 of 1947",
};

/** Gives a person an account without a browser.
 * @param {string} api
 * @param {Person} person */
export async function enrol(api, person) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${api}/user`, { method: "POST", headers, body: JSON.stringify(person) });
  assert.equal(answer.status, 201, await answer.text());
}

/** @param {Page} page */
export const signInButton = (page) => page.getByRole("button", { name: "Sign in", exact: true });

/** @param {Page} page */
export const signOutButton = (page) => page.getByRole("button", { name: "Sign out", exact: true });

/** A field by its label. @param {Page} page @param {string} label */
export const field = (page, label) => page.getByLabel(label, { exact: true });

/** Fills the login form that is open and sends it.
 * @param {Page} page
 * @param {string} identifier
 * @param {string} password */
export async function submitLogin(page, identifier, password) {
  await field(page, "Username or e-mail").fill(identifier);
  await field(page, "Password").fill(password);
  await signInButton(page).click();
}

/** Signs in, and waits for the dashboard.
 * @param {Page} page
 * @param {Person} person */
export async function signIn(page, person) {
  await page.goto("/login");
  await submitLogin(page, person.username, person.password);
  await sees(page, person);
}

/** Fills the registration form that is open and sends it.
 * @param {Page} page
 * @param {Person} person */
export async function submitRegistration(page, person) {
  await field(page, "Name").fill(person.name);
  await field(page, "Username").fill(person.username);
  await field(page, "E-mail").fill(person.email);
  await field(page, "Password").fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
}

/** Waits until the dashboard shows this person.
 * @param {Page} page
 * @param {{ name: string }} person */
export async function sees(page, { name }) {
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.getByRole("button", { name: "Save changes" }).waitFor();
}

/** Waits until the login form is there, and nobody's name is.
 * @param {Page} page */
export async function seesLogin(page) {
  await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  await signInButton(page).waitFor();
  const text = await page.locator("body").innerText();
  for (const { name, email } of [ada, grace]) assert.ok(!text.includes(name) && !text.includes(email), text);
}

/** Everything that the page announces as an alert.
 * @param {Page} page */
export async function alerts(page) {
  const texts = await page.getByRole("alert").allInnerTexts();
  return texts.map((text) => text.trim()).filter((text) => text !== "");
}

/** What belongs to a field by `aria-describedby`, as it is read out after its label.
 * @param {Page} page
 * @param {string} label */
export function description(page, label) {
  return field(page, label).evaluate((input) => {
    const ids = input.getAttribute("aria-describedby")?.split(" ") ?? [];
    return ids.map((id) => document.getElementById(id)?.textContent ?? `no ${id}`).join(" ");
  });
}

/** The session cookie; `undefined` when signed out. Chromium shows it to tests, never to a page.
 * @param {Page} page */
export async function sessionCookie(page) {
  const cookies = await page.context().cookies();
  return cookies.find(({ httpOnly }) => httpOnly);
}
