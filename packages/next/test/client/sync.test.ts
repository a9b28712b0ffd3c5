import assert from "node:assert/strict";
import { test } from "node:test";

import { keepTrue } from "../../src/sync.js";
import { FakePage } from "../fakes/page.js";

/** A page that was rendered for `session`, in a browser whose hint is `hint`. */
function kept(session: string | null | undefined, { hint = "h1", at = "/dashboard", navigation = "navigate" } = {}) {
  const page = new FakePage();
  Object.assign(page, { navigation });
  page.location.pathname = at;
  page.become(hint);
  let refreshes = 0;
  const stop = keepTrue(page, session, () => void (refreshes += 1));
  const become = (hint: string) => {
    page.become(hint);
    page.dispatchEvent(new Event("focus"));
    page.pass(500);
  };
  return { page, become, pass: (ms = 500) => page.pass(ms), stop, done: () => ({ reloads: page.reloads, refreshes }) };
}

test("t5_a_page_is_loaded_again_for_who_left_and_refreshed_for_who_came", () => {
  for (const [hints, reloads, refreshes] of [[["h1", ""], 1, 0], [["h1", "h2"], 1, 0], [["", "h1"], 0, 1], [["h1", "h1"], 0, 0]] as const) {
    const { become, done } = kept(undefined, { hint: hints[0] });
    become(hints[1]);
    assert.deepEqual(done(), { reloads, refreshes }, hints.join());
  }
});

test("t5_a_page_of_somebody_who_left_or_changed_while_it_was_on_its_way_is_loaded_again", () => {
  for (const [hint, reloads] of [["h1", 0], ["h2", 1], ["", 1]] as const) {
    const { pass, done } = kept("h1", { hint });
    pass(499);
    assert.equal(done().reloads, 0);
    pass(1);
    assert.deepEqual(done(), { reloads, refreshes: 0 });
  }
});

test("t5_but_not_again_and_again_where_the_hint_is_lost", () => {
  const { pass, become, done } = kept("h1", { hint: "", navigation: "reload" });
  pass();
  assert.equal(done().reloads, 0);
  become("h2");
  become("");
  assert.equal(done().reloads, 1);
});

test("and not while a navigation is under way, nor once it has ended", () => {
  const { page, pass, done } = kept("h1", { hint: "" });
  page.dispatchEvent(new Event("beforeunload"));
  pass(20_000);
  assert.equal(done().reloads, 0);
  const other = kept("h1", { hint: "" });
  other.stop();
  other.pass(60_000);
  assert.equal(other.done().reloads, 0);
});

test("t5_back_within_the_app_does_not_keep_a_page_that_was_about_to_go", () => {
  const { become, page, stop, done } = kept("h1");
  page.dispatchEvent(new Event("popstate"));
  assert.equal(done().reloads, 0, "nothing was under way");
  become("");
  page.dispatchEvent(new Event("beforeunload"));
  page.dispatchEvent(new Event("popstate"));
  assert.equal(done().reloads, 2, "what Back has cancelled is begun anew");
  stop();
  page.dispatchEvent(new Event("popstate"));
  assert.equal(done().reloads, 2);
});

test("t5_a_page_of_nobody_is_refreshed_when_somebody_came_while_it_was_on_its_way", () => {
  for (const [session, at] of [[null, "/"], [undefined, "/login"], [undefined, "/register"]] as const) {
    for (const [hint, refreshes] of [["h1", 1], ["", 0]] as const) {
      const { pass, done } = kept(session, { hint, at });
      pass();
      assert.deepEqual(done(), { reloads: 0, refreshes }, `${at} ${hint}`);
    }
  }
});

test("a form that is half filled in outlives a session that ends elsewhere", () => {
  for (const [session, at] of [[null, "/"], [undefined, "/login"]] as const) {
    const { become, page, done } = kept(session, { hint: "", at });
    become("");
    assert.equal(page.reloads, 0);
    assert.equal(done().refreshes, 0);
  }
  // Walked there within the app.
  const { page, become, done } = kept(undefined, { at: "/" });
  page.location.pathname = "/login";
  become("");
  assert.deepEqual(done(), { reloads: 0, refreshes: 0 });
});

test("a page that was nobody's is hidden like any other once somebody came", () => {
  const { become, done } = kept(null, { hint: "", at: "/" });
  become("h1");
  become("");
  assert.deepEqual(done(), { reloads: 1, refreshes: 1 });
});
