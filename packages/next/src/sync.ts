import { type Change, type Page, watch } from "./hint.js";
import { ENTRANCES } from "./names.js";
import type { Session } from "./session.js";

/** A page that can be made anew; `window` is one. */
export interface Synced extends Page {
  location: { pathname: string; reload(): void };
}

/** How a page is kept true to the session. */
export interface Means {
  /** Has the server render it again; what is typed stays. */
  refresh: () => void;
  /** Who is signed in in this browser now. Rejects if that can't be known. */
  who: () => Promise<Session | null>;
}

/** Stands for the hint of a session that is over: no hint is like it. */
const OVER = "?";

/** Loads a page again when it shows somebody who is signed in no longer, and refreshes it when somebody has signed in. One
 * that shows nobody stays as it is when a session ends: there is nothing to hide, and perhaps a form that is half filled in.
 * @param session the handle of the session that the page was made for, `null` for nobody; without it, a sign-in page is nobody's,
 * and any other page is taken to be for whoever is signed in when its script begins
 * @returns what ends it */
export function keepTrue(page: Synced, session: string | null | undefined, { refresh, who }: Means): () => void {
  const isEntrance = () => ENTRANCES.some((path) => path === page.location.pathname);
  const rendered = session === undefined && isEntrance() ? null : session;
  let isNobodys = rendered === null;
  const showsNobody = () => isNobodys || (!rendered && isEntrance());
  const act = (change: Change) => {
    if (showsNobody()) {
      if (change !== "ended") refresh();
    } else if (change === "begun") refresh();
    else page.location.reload();
    // What is refreshed is for whoever has signed in.
    isNobodys &&= change === "ended";
  };
  if (!rendered) return watch(page, act, rendered === null ? "" : undefined);
  const check = async () => ((await who())?.id === rendered ? undefined : OVER);
  // Not knowing is no reason to do anything.
  return watch(page, act, check().catch(() => undefined));
}
