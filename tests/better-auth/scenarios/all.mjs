// @ts-check
import { account } from "./account.mjs";
import { atom } from "./atom.mjs";
import { mail } from "./mail.mjs";
import { origin } from "./origin.mjs";
import { sessions } from "./sessions.mjs";
import { signIn } from "./sign-in.mjs";
import { signOut } from "./sign-out.mjs";
import { signUp } from "./sign-up.mjs";
import { wire } from "./wire.mjs";

/** In the order of the table. */
export const scenarios = [...signUp, ...signIn, ...signOut, ...atom, ...account, ...sessions, ...mail, ...wire, ...origin];
