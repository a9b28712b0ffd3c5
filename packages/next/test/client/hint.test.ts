import assert from "node:assert/strict";
import { test } from "node:test";

import { type Change, hint, watch } from "../../src/hint.js";
import { FakePage } from "../fakes/page.js";

function watched(): { page: FakePage; told: Change[]; stop: () => void } {
  const [page, told]: [FakePage, Change[]] = [new FakePage(), []];
  return { page, told, stop: watch(page, (change) => told.push(change)) };
}

test("the hint is read under either scheme's name", () => {
  assert.equal(hint("a=b; __Host-vestibule_hint=x; c=d"), "x");
  assert.equal(hint("vestibule_hint=y"), "y");
  assert.equal(hint("not_vestibule_hint=y; vestibule=z"), "");
  assert.equal(hint(""), "");
});

test("t5_each_kind_of_event_has_the_page_look_half_a_second_later", () => {
  for (const [type, target] of [
    ["pageshow", "window"], ["focus", "window"], ["popstate", "window"], ["storage", "window"],
    ["visibilitychange", "document"], ["change", "cookieStore"],
  ] as const) {
    const { page, told } = watched();
    page.become("h2");
    (target === "window" ? page : page[target]).dispatchEvent(new Event(type));
    page.pass(499);
    assert.deepEqual(told, [], type);
    page.pass(1);
    assert.deepEqual(told, ["another"], type);
  }
});

test("begun, ended and another are told apart, each once, and what stays is not told", () => {
  const { page, told } = watched();
  for (const hint of ["h1", "h2", "h2", "", "", "h3"]) {
    page.become(hint);
    page.dispatchEvent(new Event("focus"));
    page.pass(500);
  }
  assert.deepEqual(told, ["another", "ended", "begun"]);
});

test("t5_it_never_acts_while_a_navigation_is_under_way", () => {
  const { page, told } = watched();
  page.dispatchEvent(new Event("beforeunload"));
  page.become("");
  page.cookieStore.dispatchEvent(new Event("change"));
  page.pass(29_000);
  assert.deepEqual(told, []);
  // It was cancelled without a word.
  page.pass(2_000);
  assert.deepEqual(told, ["ended"]);
});

test("what the page was rendered for is compared at once, with the same patience", () => {
  const table: [string, string, Change[]][] = [["h1", "h1", []], ["h2", "h1", ["another"]], ["h1", "", ["ended"]], ["", "h1", ["begun"]], ["", "", []]];
  for (const [rendered, now, expected] of table) {
    const [page, told]: [FakePage, Change[]] = [new FakePage(), []];
    page.become(now);
    watch(page, (change) => told.push(change), rendered);
    page.pass(499);
    assert.deepEqual(told, []);
    page.pass(1);
    assert.deepEqual(told, expected, `${rendered} ${now}`);
  }
});

test("a page that comes back from the history looks, and acts again", () => {
  const { page, told } = watched();
  page.dispatchEvent(new Event("beforeunload"));
  page.become("");
  page.dispatchEvent(new Event("pageshow"));
  page.pass(500);
  assert.deepEqual(told, ["ended"]);
});

test("of events that come close together only the last one counts", () => {
  const { page, told } = watched();
  page.become("h2");
  for (let times = 0; times < 5; times++) {
    page.dispatchEvent(new Event("focus"));
    page.pass(400);
  }
  assert.deepEqual(told, []);
  page.pass(100);
  assert.deepEqual(told, ["another"]);
});

test("once stopped it tells nothing, of what had begun neither", () => {
  const { page, told, stop } = watched();
  page.become("");
  page.dispatchEvent(new Event("focus"));
  stop();
  page.dispatchEvent(new Event("focus"));
  page.pass(60_000);
  assert.deepEqual(told, []);
});

test("where cookies are blocked nothing is noticed and nothing fails", () => {
  const page = new FakePage();
  Object.defineProperty(page.document, "cookie", { get: () => assert.fail("SecurityError") });
  const told: Change[] = [];
  watch(page, (change) => told.push(change));
  page.dispatchEvent(new Event("focus"));
  page.pass(500);
  assert.deepEqual(told, []);
});
