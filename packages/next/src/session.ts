/** Who is signed in, as the gateway tells it. */
export interface Session {
  user: SessionUser;
  /** The session's handle: names it, opens nothing, and is the same on the server, in the browser and in its hint cookie for
   * as long as the session lives. Not the name that the API and the Better Auth client have for it. */
  id: string;
  /** When it ends; absent where only the minute of the identity header is known. */
  expiresAt?: Date;
}

/** The account behind a session. */
export interface SessionUser {
  /** Never changes. */
  id: string;
  username: string;
  name: string;
  email: string | null;
}

/** Reads the answer of `GET /api/auth/get-session`: `null`, or Better Auth's pair of session and user. Anything else is
 * `undefined`.
 * @param handle what the hint cookie beside the session's says; a browser that has lost it has the API's name for the
 * session instead */
export function sessionFrom(answer: unknown, handle: string | null): Session | null | undefined {
  if (answer === null) return null;
  const { session, user } = (answer ?? {}) as { session?: Record<string, unknown>; user?: unknown };
  const whose = userFrom(user);
  if (typeof session?.id !== "string" || whose === undefined) return undefined;
  const ends = new Date(String(session.expiresAt));
  return { user: whose, id: handle || session.id, ...(!Number.isNaN(ends.getTime()) && { expiresAt: ends }) };
}

/** Reads a `user` of the gateway's answers. */
export function userFrom(user: unknown): SessionUser | undefined {
  const { id, username, name, email = null } = (user ?? {}) as Record<string, unknown>;
  const isUser =
    typeof id === "string" &&
    typeof username === "string" &&
    typeof name === "string" &&
    (typeof email === "string" || email === null);
  return isUser ? { id, username, name, email } : undefined;
}
