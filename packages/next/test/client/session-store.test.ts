import assert from "node:assert/strict";
import { test } from "node:test";

import { UNKNOWN, sessionStore } from "../../src/session-store.js";
import { json } from "../fakes/gateway.js";

const user = { id: "7", username: "ada", name: "Ada Lovelace", email: null };
const ADA = { session: { id: "one" }, user };

/** A store whose answers a test gives by hand, and a hint cookie. */
function staged(handle = "") {
  const waiting: ((answer: Response | Error) => void)[] = [];
  let [changed, watches] = [() => {}, 0];
  const send = () =>
    new Promise<Response>((done, fail) => {
      waiting.push((answer) => (answer instanceof Error ? fail(answer) : done(answer)));
    });
  const watch = (tell: () => void) => {
    watches += 1;
    changed = tell;
    return () => void (watches -= 1);
  };
  const store = sessionStore(send, watch, () => handle);
  const settle = () => new Promise((done) => setImmediate(done));
  return {
    store,
    waiting,
    change: () => changed(),
    watches: () => watches,
    answer: async (answer: Response | Error, which = 0) => {
      waiting.splice(which, 1)[0]?.(answer);
      await settle();
    },
  };
}

test("all components share one question, and hear its answer", async () => {
  const { store, waiting, answer } = staged();
  const heard: string[] = [];
  store.listen(() => heard.push("one"));
  store.listen(() => heard.push("other"));
  assert.deepEqual([store.state(), waiting.length], [UNKNOWN, 1]);
  await answer(json(ADA));
  assert.deepEqual(heard, ["one", "other"]);
  assert.deepEqual(store.state(), { session: { id: "one", user }, pending: false, error: null });
});

test("a session goes by the handle that the server and the hint cookie have for it", async () => {
  for (const [hint, id] of [["h1", "h1"], ["", "one"]]) {
    const { store, answer } = staged(hint);
    store.listen(() => {});
    await answer(json(ADA));
    assert.equal(store.state().session?.id, id);
  }
});

test("null is nobody", async () => {
  const { store, answer } = staged();
  store.listen(() => {});
  await answer(json(null));
  assert.deepEqual(store.state(), { session: null, pending: false, error: null });
});

test("it asks again when the session has changed, and a late answer does not undo a later one", async () => {
  const { store, change, answer } = staged();
  store.listen(() => {});
  change();
  await answer(json(null), 1);
  await answer(json(ADA));
  assert.equal(store.state().session, null);
});

test("er_04_an_outage_keeps_what_is_known", async () => {
  const { store, change, answer } = staged();
  store.listen(() => {});
  await answer(json(ADA));
  for (const outage of [json({ message: "Slow" }, 504), new TypeError("fetch failed"), new Response("<html>"), json({})]) {
    change();
    await answer(outage);
    const { session, error } = store.state();
    assert.deepEqual([session?.id, error?.code], ["one", "UNAVAILABLE"]);
  }
  change();
  await answer(json(ADA));
  assert.equal(store.state().error, null);
});

test("it watches as long as somebody listens", () => {
  const { store, watches } = staged();
  const ends = [store.listen(() => {}), store.listen(() => {})];
  assert.equal(watches(), 1);
  for (const end of ends) end();
  assert.equal(watches(), 0);
});
