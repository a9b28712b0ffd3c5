import assert from "node:assert/strict";
import { test } from "node:test";

import { broken, cookie, lately, local, outdated, patiently } from "./vestibule.js";

const username = { required: true, least: 2, most: 20, pattern: "[a-z0-9]{2,20}" };
const picture = { least: 0, most: 2048, pattern: String.raw`(https?|ftp):\/\/[^\s\/$.?#]\S+` };

test("a value breaks the rules that the server has", () => {
  for (const [value, rules, rule] of [
    ["ada", username, null],
    ["", username, "missing"],
    ["a", username, "short"],
    ["a".repeat(21), username, "long"],
    ["Ada", username, "shape"],
    ["a da", username, "shape"],
    ["ada\n", username, "shape"],
    ["🦀🦀", { required: true, least: 2, most: 2, pattern: ".{2,2}" }, null],
    ["🦀", { required: true, least: 2 }, "short"],
    ["ada@example.com", { required: true, email: true, least: 3, most: 50 }, null],
    ["  ada@example.com ", { email: true }, null],
    ["δοκιμή@παράδειγμα.ελ", { email: true }, null],
    ["ada", { email: true, least: 4 }, "shape"],
    ["ada@example", { email: true }, "shape"],
    ["ada@example..com", { email: true }, "shape"],
    ["a@b@example.com", { email: true }, "shape"],
    [`${"a".repeat(39)}@example.com`, { email: true, most: 50 }, "long"],
    ["", picture, null],
    ["https://example.com/me.png", picture, null],
    ["javascript:alert(1)", picture, "shape"],
    ["https:///x", picture, "shape"],
  ]) {
    assert.equal(broken(value, rules), rule, JSON.stringify(value));
  }
});

test("a cookie is found by its whole name", () => {
  const cookies = "a_hint=1; hint=two=2; hint2=3";
  assert.equal(cookie(cookies, "hint"), "two=2");
  assert.equal(cookie(cookies, "hin"), "");
  assert.equal(cookie("", "hint"), "");
});

test("a page is outdated when its person is no longer the browser's", () => {
  for (const [signedIn, then, now, verdict] of [
    [true, "a", "a", false],
    [true, "a", "", true],
    [true, "a", "b", true],
    [true, "", "", false],
    [false, "", "", false],
    [false, "", "a", true],
    [false, "a", "a", false],
    [false, "a", "", false],
  ]) {
    assert.equal(outdated(signedIn, then, now), verdict, `${signedIn} ${then} ${now}`);
  }
});

/** A clock for `later` that runs when told. */
function clock() {
  const due = [];
  return { later: (run, ms) => due.push([run, ms]), tick: () => due.splice(0).forEach(([run]) => run()), due };
}

test("many nudges are one look, half a second later", () => {
  const { later, tick, due } = clock();
  let looks = 0;
  const nudge = patiently(() => looks++, () => false, later);
  nudge();
  nudge();
  assert.deepEqual(due.map(([, ms]) => ms), [500, 500]);
  assert.equal(looks, 0);
  tick();
  assert.equal(looks, 1);
});

test("nobody looks while a navigation is under way, only after it was given up", () => {
  const { later, tick } = clock();
  let time = 0;
  let looks = 0;
  const leaving = lately(() => time, 1_000);
  const nudge = patiently(() => looks++, leaving.is, later);
  leaving.begin();
  nudge();
  for (time = 500; time < 1_000; time += 100) tick();
  assert.equal(looks, 0);
  tick();
  assert.equal(looks, 1);
});

test("what has ended is not under way", () => {
  const leaving = lately(() => 5, 1_000);
  assert.equal(leaving.is(), false);
  leaving.begin();
  assert.equal(leaving.is(), true);
  leaving.end();
  assert.equal(leaving.is(), false);
});

test("times are told in the visitor's time zone", () => {
  assert.equal(local("2026-11-22T13:05:00Z", "Europe/Berlin"), "22 Nov 2026, 14:05");
  assert.equal(local("nonsense"), null);
});
