import { HINT_COOKIES } from "./names.js";

/** What is watched of a page; `window` is one. */
export interface Page extends EventTarget {
  document: EventTarget & { cookie: string };
  cookieStore?: EventTarget;
  setTimeout(run: () => void, ms: number): unknown;
  performance: { now(): number };
}

/** What became of the session since the page was loaded. */
export type Change = "begun" | "ended" | "another";

/** After an event, how long a page waits until it looks. Milliseconds. */
const PATIENCE = 500;

/** How long a navigation counts as under way; one can be cancelled without an event. Milliseconds. */
const LEAVING = 30_000;

/** The hint cookie: changes when the session does, and is empty without one. */
export function hint(cookies: string): string {
  const pairs = cookies.split("; ");
  const values = HINT_COOKIES.map((name) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1));
  return values.find((value) => value !== undefined) ?? "";
}

/** Tells when somebody signed in or out, in this tab or another. It waits half a second, and while a navigation is under
 * way: acting at once would cancel the very navigation that changed the session.
 * @param rendered the hint that the page was made for, if that is known: then it looks at once whether it still is
 * @returns what ends the watch */
export function watch(page: Page, tell: (change: Change) => void, rendered?: string): () => void {
  const stop = new AbortController();
  const options = { signal: stop.signal };
  let [then, nudges, leavingSince] = [rendered ?? read(page), 0, -Infinity];
  const isLeaving = () => page.performance.now() - leavingSince < LEAVING;
  const nudge = () => {
    const mine = ++nudges;
    page.setTimeout(() => {
      if (mine !== nudges || stop.signal.aborted) return;
      if (isLeaving()) return nudge();
      const [before, now] = [then, read(page)];
      then = now;
      if (now !== before) tell(before === "" ? "begun" : now === "" ? "ended" : "another");
    }, PATIENCE);
  };
  page.addEventListener("beforeunload", () => (leavingSince = page.performance.now()), options);
  page.addEventListener("pageshow", () => (leavingSince = -Infinity), options);
  for (const type of ["pageshow", "focus", "popstate", "storage"]) page.addEventListener(type, nudge, options);
  page.document.addEventListener("visibilitychange", nudge, options);
  page.cookieStore?.addEventListener("change", nudge, options);
  if (rendered !== undefined) nudge();
  return () => stop.abort();
}

/** The hint of now: the session's handle, empty without one. Where cookies are blocked there is none. */
export function read(page: Pick<Page, "document">): string {
  try {
    return hint(page.document.cookie);
  } catch {
    return "";
  }
}
