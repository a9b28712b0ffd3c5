"use client";

import { useSyncExternalStore } from "react";

import { read, watch } from "./hint.js";
import { type SessionState, UNKNOWN, sessionStore } from "./session-store.js";

const store = sessionStore(
  (...request) => fetch(...request),
  (changed) => watch(window, changed),
  () => read(window),
);

/** Who is signed in, for a client component. The gateway is asked once for all components of a page, and again when
 * somebody signs in or out. Pages that the server renders have it sooner from `getSession`. */
export function useSession(): SessionState {
  return useSyncExternalStore(store.listen, store.state, () => UNKNOWN);
}
