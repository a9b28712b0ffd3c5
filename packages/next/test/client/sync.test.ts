import assert from "node:assert/strict";
import { test } from "node:test";

import type { Session } from "../../src/session.js";
import { keepTrue } from "../../src/sync.js";
import { FakePage } from "../fakes/page.js";

const user = { id: "7", username: "ada", name: "Ada Lovelace", email: null };
const ADA: Session = { id: "one", user };

/** A page that was rendered for `session`, in a browser whose hint is `hint` and whose session is `now`. */
function kept(session: string | null | undefined, { hint = "h1", now = ADA as Session | null | Error, at = "/dashboard" } = {}) {
  const page = new FakePage();
  page.location.pathname = at;
  page.become(hint);
  const seen = { refreshes: 0, asked: 0 };
  const who = async () => {
    seen.asked += 1;
    if (now instanceof Error) throw now;
    return now;
  };
  const stop = keepTrue(page, session, { refresh: () => void (seen.refreshes += 1), who });
  const pass = async (ms = 500) => {
    await new Promise((done) => setImmediate(done));
    page.pass(ms);
  };
  const become = async (hint: string) => {
    page.become(hint);
    page.dispatchEvent(new Event("focus"));
    await pass();
  };
  return { page, become, pass, stop, done: () => ({ reloads: page.reloads, ...seen }) };
}

test("t5_a_page_is_loaded_again_for_who_left_and_refreshed_for_who_came", async () => {
  for (const [hints, reloads, refreshes] of [[["h1", ""], 1, 0], [["h1", "h2"], 1, 0], [["", "h1"], 0, 1], [["h1", "h1"], 0, 0]] as const) {
    const { become, done } = kept(undefined, { hint: hints[0] });
    await become(hints[1]);
    assert.deepEqual(done(), { reloads, refreshes, asked: 0 }, hints.join());
  }
});

test("t5_a_page_of_somebody_who_left_or_changed_while_it_was_on_its_way_is_loaded_again", async () => {
  const table: [Session | null | Error, string, number][] = [
    [ADA, "h1", 0], [null, "", 1], [{ ...ADA, id: "two" }, "h2", 1], [{ ...ADA, id: "two" }, "", 1], [new TypeError("fetch failed"), "h2", 0],
  ];
  for (const [now, hint, reloads] of table) {
    const { pass, done } = kept("one", { now, hint });
    await pass(499);
    assert.equal(done().reloads, 0);
    await pass(1);
    assert.deepEqual(done(), { reloads, refreshes: 0, asked: 1 });
  }
});

test("and not while a navigation is under way, nor once it has ended", async () => {
  const { page, pass, done } = kept("one", { now: null, hint: "" });
  page.dispatchEvent(new Event("beforeunload"));
  await pass(20_000);
  assert.equal(done().reloads, 0);
  const other = kept("one", { now: null, hint: "" });
  other.stop();
  await other.pass(60_000);
  assert.equal(other.done().reloads, 0);
});

test("t5_a_page_of_nobody_is_refreshed_when_somebody_came_while_it_was_on_its_way", async () => {
  for (const [session, at] of [[null, "/"], [undefined, "/login"], [undefined, "/register"]] as const) {
    for (const [hint, refreshes] of [["h1", 1], ["", 0]] as const) {
      const { pass, done } = kept(session, { hint, at });
      await pass();
      assert.deepEqual(done(), { reloads: 0, refreshes, asked: 0 }, `${at} ${hint}`);
    }
  }
});

test("a form that is half filled in outlives a session that ends elsewhere", async () => {
  for (const [session, at] of [[null, "/"], [undefined, "/login"]] as const) {
    const { become, page, done } = kept(session, { hint: "", at });
    await become("");
    assert.equal(page.reloads, 0);
    assert.equal(done().refreshes, 0);
  }
  // Walked there within the app.
  const { page, become, done } = kept(undefined, { at: "/" });
  page.location.pathname = "/login";
  await become("");
  assert.deepEqual(done(), { reloads: 0, refreshes: 0, asked: 0 });
});

test("a page that was nobody's is hidden like any other once somebody came", async () => {
  const { become, done } = kept(null, { hint: "", at: "/" });
  await become("h1");
  await become("");
  assert.deepEqual(done(), { reloads: 1, refreshes: 1, asked: 0 });
});
