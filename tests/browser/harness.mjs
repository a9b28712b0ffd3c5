// @ts-check
/**
 * One test, one stage, one Chromium: every test gets a Vestibule and a browser profile of its own, and
 * everything that the browser saw is kept for it to look at.
 * @module
 */
import assert from "node:assert/strict";
import { after, test as nodeTest } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { launch, startForeign, startReal, startStage, startUi } from "./servers.mjs";

/**
 * @typedef {import("playwright-core").Page} Page
 * @typedef {import("playwright-core").Response} Response
 * @typedef {import("playwright-core").BrowserContextOptions} BrowserOptions
 * @typedef {{ response: Response, body: Promise<Buffer | null> }} Answer
 * @typedef {{ answers: Answer[], failed: string[], console: string[], violations: string[], errors: string[] }} Seen where an answer has no
 *   body, or the page went on before it was asked for, that is `null`
 * @typedef {{ url: string, text: string }} Told a body, whatever the page did then
 */

const LONGEST = 10_000;

/** The longest that a test may take, and that clearing away what it leaves behind may, in milliseconds: nothing is waited for for ever. */
const TEST = { timeout: 60_000 };
export const CLEARING = { timeout: 30_000 };

/** @type {ReturnType<typeof launch> | undefined} */
let launched;
const browser = () => (launched ??= launch());
after(async () => (await launched)?.close(), CLEARING);

/** @typedef {Awaited<ReturnType<typeof open>>} Opened */

/** A fresh profile at `site` with one tab, and what it sees.
 * @param {string} site
 * @param {BrowserOptions} options */
export async function open(site, options) {
  const context = await (await browser()).newContext({ baseURL: site, locale: "en-GB", ...options });
  context.setDefaultTimeout(LONGEST);
  /** @type {Seen} */
  const seen = { answers: [], failed: [], console: [], violations: [], errors: [] };
  context.on("response", (response) => {
    seen.answers.push({ response, body: response.body().catch(() => null) });
  });
  context.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    // Given up by the person who went on before the page was complete.
    if (why !== "net::ERR_ABORTED") seen.failed.push(`${request.method()} ${request.url()}: ${why}`);
  });
  context.on("console", (message) => {
    const text = `${message.type()}: ${message.text()} (${message.location().url})`;
    if (["warning", "error"].includes(message.type())) seen.console.push(text);
    if (text.includes("Content Security Policy")) seen.violations.push(text);
  });
  context.on("weberror", (error) => seen.errors.push(String(error.error())));
  /** @type {Promise<(() => Promise<Told[]>)>[]} */
  const listening = [];
  context.on("page", (page) => listening.push(listen(page)));
  const page = await context.newPage();
  await Promise.all(listening);
  /** Every body that has come whole until now. */
  const told = async () => (await Promise.all(listening.map(async (bodies) => (await bodies)()))).flat();
  return { context, seen, told, page };
}

/** How much of what a tab is told is kept, all in all and of one answer, in bytes. */
const KEPT = { maxTotalBufferSize: 64 << 20, maxResourceBufferSize: 16 << 20 };

/** Listens to what a tab is told. Chromium keeps it outside of the page: with the page itself goes whatever nobody has asked for yet.
 * @param {Page} page
 * @returns what answers the bodies that have come whole until then */
async function listen(page) {
  const tab = await page.context().newCDPSession(page);
  /** @type {Map<string, string>} */
  const urls = new Map();
  /** @type {Promise<Told>[]} */
  const bodies = [];
  tab.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
  tab.on("Network.loadingFinished", ({ requestId }) => {
    const url = urls.get(requestId) ?? "";
    const text = tab.send("Network.getResponseBody", { requestId }).then(({ body, base64Encoded }) => (base64Encoded ? Buffer.from(body, "base64").toString() : body));
    // Without one: a download, and what came when the tab was closed.
    bodies.push(text.catch(() => "").then((text) => ({ url, text })));
  });
  await tab.send("Network.configureDurableMessages", KEPT);
  await tab.send("Network.enable", KEPT);
  return () => Promise.all(bodies);
}

/** Closes a profile, and with it settles every call that its tabs were asked: those that never answered fail.
 * @param {import("playwright-core").BrowserContext} context */
export async function close(context) {
  await Promise.all(context.pages().map(closeTab));
  await context.close();
}

/** Closes a tab. `page.close` waits for ever if a document takes the place of another just then: Chromium answers that it closes the tab, and
 * forgets it (https://crbug.com/536385539). The next request to close it is heard, and one too many does nothing.
 * @param {import("playwright-core").Page} page */
async function closeTab(page) {
  const asking = await (await browser()).newBrowserCDPSession();
  const tab = await page.context().newCDPSession(page);
  const { targetInfo: { targetId } } = await tab.send("Target.getTargetInfo");
  const closed = new Promise((resolve) => page.once("close", resolve));
  while (!page.isClosed()) {
    await asking.send("Target.closeTarget", { targetId }).catch(() => {});
    await Promise.race([closed, delay(100)]);
  }
  await asking.detach();
}

/**
 * What a test is given: a stage, a tab in a fresh browser, what that browser saw, and more of each on request.
 * @typedef {Opened & { stage: import("./servers.mjs").Stage, another: (options?: BrowserOptions) => Promise<Opened>,
 *   foreign: (html: string, host?: "localhost" | "127.0.0.1") => Promise<string> }} Scene
 */

/** A test on a stage. Script errors and breaches of the content policy fail it, wherever they come from.
 * @param {string} name
 * @param {BrowserOptions & { breaches?: true, ui?: string }} options of the browser; `breaches`: they are what is tested; `ui`: the
 *   script of a UI behind the stage
 * @param {(scene: Scene) => Promise<void>} body
 * @param {(args: string[]) => Promise<import("./servers.mjs").Stage>} start */
export function test(name, options, body, start = startStage) {
  const { breaches = false, ui, ...browserOptions } = options;
  nodeTest(name, TEST, async (t) => {
    const behind = ui && (await startUi(ui));
    if (behind) t.after(behind.end, CLEARING);
    const stage = await start(behind ? ["--ui", behind.origin] : []);
    t.after(stage.end, CLEARING);
    /** @type {Opened[]} */
    const opened = [];
    t.after(() => Promise.all(opened.map(({ context }) => close(context))), CLEARING);
    const another = async (/** @type {BrowserOptions} */ options = {}) => {
      opened.push(await open(stage.site, options));
      return opened[opened.length - 1];
    };
    const foreign = async (/** @type {string} */ html, /** @type {"localhost" | "127.0.0.1"} */ host = "localhost") => {
      const server = await startForeign(html, host);
      t.after(server.end, CLEARING);
      return server.origin;
    };
    await body({ ...(await another(browserOptions)), stage, another, foreign });
    for (const { seen } of opened) {
      assert.deepEqual(seen.errors, []);
      if (!breaches) assert.deepEqual(seen.violations, []);
    }
  });
}

/** A test on the real binary, as people run it.
 * @param {string} name
 * @param {BrowserOptions} options
 * @param {(opened: Opened) => Promise<void>} body
 * @param {() => Promise<{ site: string, end: () => Promise<void> }>} start */
export function testReal(name, options, body, start = startReal) {
  nodeTest(name, TEST, async (t) => {
    const { site, end } = await start();
    t.after(end, CLEARING);
    const opened = await open(site, options);
    t.after(() => close(opened.context), CLEARING);
    await body(opened);
    assertQuiet(opened.seen);
  });
}

/** Nothing failed, nothing was logged, nothing was forbidden.
 * @param {Seen} seen */
export function assertQuiet(seen) {
  const refused = seen.answers.map(({ response }) => response).filter((response) => response.status() >= 400);
  assert.deepEqual(refused.map((response) => `${response.status()} ${response.url()}`), []);
  assert.deepEqual({ ...seen, answers: [] }, { answers: [], failed: [], console: [], violations: [], errors: [] });
}

/** Waits until `holds` does, and says `what` never came if it doesn't.
 * @param {string} what
 * @param {() => Promise<unknown>} holds */
export async function until(what, holds) {
  const end = Date.now() + LONGEST;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The path and query that a tab is at.
 * @param {Page} page */
export function at(page) {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}
