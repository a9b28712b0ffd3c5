"use server";

/**
 * `src/actions/auth.ts` of the brief: what it exports, on top of the package.
 * @module
 */
import { type SessionUser, VestibuleError, signIn, signOut, signUp } from "@vestibule/next/server";

type Answer = { success: true; user: SessionUser } | { success: false; error: string };

export async function loginAction(username: string, password: string): Promise<Answer> {
  return answered(signIn({ username, password }));
}

export async function registerAction(data: {
  name: string;
  username: string;
  email: string;
  password: string;
}): Promise<Answer> {
  return answered(signUp(data));
}

export async function logoutAction() {
  await signOut();
  return { success: true };
}

async function answered(entry: Promise<SessionUser>): Promise<Answer> {
  try {
    return { success: true, user: await entry };
  } catch (error) {
    if (!(error instanceof VestibuleError)) throw error;
    return { success: false, error: error.detail };
  }
}
