/**
 * For Server Components, Server Actions and Route Handlers.
 * @module
 */
import "server-only";

export { type CallOptions, type StreamOptions, api } from "./api.js";
export { type Credentials, type NewAccount, signIn, signOut, signUp } from "./entry.js";
export { type Failure, VestibuleError, type VestibuleErrorCode } from "./errors.js";
export { getSession, requireSession } from "./get-session.js";
export type { Session, SessionUser } from "./session.js";
