import { type Change, type Page, watch } from "./hint.js";
import { ENTRANCES } from "./names.js";

/** A page that can be made anew; `window` is one. */
export interface Synced extends Page {
  location: { pathname: string; reload(): void };
  performance: Page["performance"] & { getEntriesByType(type: string): object[] };
}

/** Loads a page again when it shows somebody who is signed in no longer, and refreshes it when somebody has signed in. One
 * that shows nobody stays as it is when a session ends: there is nothing to hide, and perhaps a form that is half filled in.
 * @param session the handle of the session that the page was made for, `null` for nobody; without it, a sign-in page is nobody's,
 * and any other page is taken to be for whoever is signed in when its script begins
 * @param refresh has the server render the page again; what is typed stays
 * @returns what ends it */
export function keepTrue(page: Synced, session: string | null | undefined, refresh: () => void): () => void {
  const isEntrance = () => ENTRANCES.some((path) => path === page.location.pathname);
  const rendered = session === undefined && isEntrance() ? null : session;
  let isNobodys = rendered === null;
  const showsNobody = () => isNobodys || (!rendered && isEntrance());
  let isLeaving = false;
  const leave = () => {
    isLeaving = true;
    page.location.reload();
  };
  const act = (change: Change) => {
    if (showsNobody()) {
      if (change !== "ended") refresh();
    } else if (change === "begun") refresh();
    else leave();
    // What is refreshed is for whoever has signed in.
    isNobodys &&= change === "ended";
  };
  // Back or Forward within the app cancels what is under way, and the page would stay.
  const again = () => {
    if (isLeaving) leave();
  };
  page.addEventListener("popstate", again);
  // To a server, the handle is the hint.
  const unwatch = watch(page, act, rendered && wasReloaded(page) ? undefined : rendered === null ? "" : rendered);
  return () => {
    page.removeEventListener("popstate", again);
    unwatch();
  };
}

/** A browser whose hint is lost, or not the session's, must not load a page for ever. */
function wasReloaded({ performance }: Synced): boolean {
  return performance.getEntriesByType("navigation").some((entry) => "type" in entry && entry.type === "reload");
}
