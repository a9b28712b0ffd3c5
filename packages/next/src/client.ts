"use client";

/**
 * For client components.
 * @module
 */

export { type Failure, VestibuleError, type VestibuleErrorCode } from "./errors.js";
export type { Session, SessionUser } from "./session.js";
export type { SessionState } from "./session-store.js";
export { SessionSync, type SessionSyncProps } from "./session-sync.js";
export { type FormOptions, type GatewayForm, useSignIn, useSignOut, useSignUp } from "./use-forms.js";
export { useSession } from "./use-session.js";
