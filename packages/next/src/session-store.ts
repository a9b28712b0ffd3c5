import { VestibuleError, failure, unavailable } from "./errors.js";
import { type Session, sessionFrom } from "./session.js";

/** What a client component knows of the session. */
export interface SessionState {
  /** Who is signed in, as last heard; `null` for nobody, or while it is not known. */
  session: Session | null;
  /** Nothing has been heard yet. */
  pending: boolean;
  /** Why the last question had no answer. It says nothing of the session: what was known stays. */
  error: VestibuleError | null;
}

/** Where a page begins, and what a server renders. */
export const UNKNOWN: SessionState = { session: null, pending: true, error: null };

/** One state for all components of a page. */
export interface SessionStore {
  state(): SessionState;
  /** Calls back after each change; the first one to listen has the question asked. */
  listen(listener: () => void): () => void;
}

/** A store that asks with `send`, and again whenever `watch` says that the session has changed; `handle` is what the hint
 * cookie says. */
export function sessionStore(
  send: typeof fetch,
  watch: (changed: () => void) => () => void,
  handle: () => string,
): SessionStore {
  const listeners = new Set<() => void>();
  let [state, questions, unwatch] = [UNKNOWN, 0, () => {}];
  const ask = async () => {
    const mine = ++questions;
    const heard = await answer(send, handle, state.session);
    // A later question has a later answer.
    if (mine !== questions) return;
    state = heard;
    for (const listener of listeners) listener();
  };
  return {
    state: () => state,
    listen(listener) {
      listeners.add(listener);
      if (listeners.size === 1) {
        unwatch = watch(() => void ask());
        void ask();
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) unwatch();
      };
    },
  };
}

async function answer(send: typeof fetch, handle: () => string, before: Session | null): Promise<SessionState> {
  try {
    const answer = await send("/api/auth/get-session", { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw await failure(answer);
    const session = sessionFrom(await answer.json(), handle());
    if (session === undefined) throw new Error("the gateway's answer is no session");
    return { session, pending: false, error: null };
  } catch (cause) {
    const error = cause instanceof VestibuleError ? cause : unavailable(cause);
    return { session: before, pending: false, error };
  }
}
