// @ts-check
/**
 * The Better Auth client does not notice that it talks to Vestibule, but for what is written down; and docs/compatibility.md is true.
 * @module
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { COLUMNS, named, playAll, unexplained } from "./columns.mjs";
import { CLAIMS, claimed } from "./explain.mjs";
import { differences } from "./outcome.mjs";
import { startInFrontOfFastapi } from "./programs.mjs";
import { scenarios } from "./scenarios/all.mjs";
import { standing } from "./scenarios/people.mjs";
import { stageOf, within } from "./stage.mjs";
import { read, written } from "./table.mjs";
import { NEWEST, clients, serverParts } from "./versions.mjs";

/** @type {Awaited<ReturnType<typeof playAll>>} */
let seen;
before(async () => {
  seen = await playAll();
});

for (const { name } of scenarios) {
  test(`Better Auth ${NEWEST} does what the scenario says: ${name}`, () => {
    const steps = seen.reference.filter(({ scenario }) => scenario === name);
    assert.ok(steps.length > 0);
    for (const { call, what, outcome, expected } of steps) {
      const { message, ...rest } = outcome;
      const told = expected.status >= 400 && expected.message === undefined ? rest : outcome;
      assert.deepEqual(differences(expected, told), [], `${call}, ${what}`);
    }
  });
}

for (const { version, api } of COLUMNS) {
  const column = () => seen.columns.find((one) => one.version === version && one.api === api) ?? assert.fail("it was not played");
  for (const { name } of scenarios) {
    test(`the client ${version} finds in Vestibule (${api} API) what it finds in Better Auth ${version}: ${name}`, () => {
      const { findings, ...rest } = column();
      const here = findings.filter(({ step }) => step.scenario === name);
      assert.deepEqual(unexplained({ ...rest, findings: here }), [], "mend it, or give a reason in differences.mjs");
    });
  }
  test(`no call that Better Auth ${version} knows is unknown to Vestibule (${api} API)`, () => {
    const unknown = column().findings.filter(({ step, difference: { at } }) => step.outcome.status === 404 && /^(answer|status)$/.test(at));
    assert.deepEqual(
      unknown.map(({ step }) => named(step)),
      [],
    );
  });
}

test("Vestibule sends no code that Better Auth does not have", async () => {
  const { betterAuth, username } = await serverParts(NEWEST);
  const { $ERROR_CODES } = betterAuth({ secret: "of nobody, and not used for anything", baseURL: "http://localhost", plugins: [username()] });
  const codes = (/** @type {import("./stage.mjs").Step[]} */ steps) => new Set(steps.flatMap(({ outcome: { code } }) => code ?? []));
  const known = new Set([...Object.keys($ERROR_CODES), ...codes(seen.reference)]);
  assert.deepEqual(
    [...codes(seen.columns.flatMap(({ steps }) => steps))].filter((code) => !known.has(code)),
    [],
  );
});

test("every note on a difference is borne out by one", () => {
  const seenOnes = new Set(seen.columns.flatMap(({ findings }) => findings.flatMap(({ claims }) => claims)));
  assert.deepEqual(CLAIMS.filter((claim) => !seenOnes.has(claim)).map(claimed), []);
});

test("docs/compatibility.md says what was seen", () => {
  assert.equal(read(), written(seen.columns), "cargo xtask compatibility writes it anew");
});

test("an API that is down signs nobody out: the page keeps its user, and the browser its cookie", async (t) => {
  const { site, stopBackend, end } = await startInFrontOfFastapi();
  t.after(end);
  const stage = stageOf({ site, client: await clients(NEWEST) }, "an outage", 1);
  t.after(stage.end);
  const ada = stage.person("ada");
  const { client, browser } = stage.device();
  assert.equal((await client.signUp.email(ada)).error, null);
  const atom = client.useSession;
  t.after(atom.listen(() => {}));
  await atom.get().refetch();
  assert.ok(await within(() => atom.get().data?.user.username === ada.username));
  const cookies = browser.cookies();

  await stopBackend();
  const { error } = await client.getSession({ query: { disableCookieCache: true } });
  assert.ok(error && error.status >= 500, JSON.stringify(error));
  await atom.get().refetch({ query: { disableCookieCache: true } });
  assert.equal(atom.get().data?.user.username, ada.username);
  assert.ok((atom.get().error?.status ?? 0) >= 500);
  assert.deepEqual(browser.cookies(), cookies);
  const { error: refused } = await client.updateUser({ name: "Ada King" });
  assert.ok(refused && refused.status >= 500, JSON.stringify(refused));
  assert.deepEqual(await client.signOut().then(({ data }) => data), { success: true });
  assert.equal(await standing({ client, browser }), "signed out");
});
