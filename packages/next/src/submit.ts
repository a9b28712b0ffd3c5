import { VestibuleError, failure, unavailable } from "./errors.js";

/** A request that a form makes of the gateway. */
export interface Submission {
  path: string;
  body: Record<string, unknown>;
}

/** What a sign-in form asks: its fields `username`, which may be an e-mail address, `password` and `remember`, whose last
 * value counts and is `on` if there is none, as it is for the gateway. */
export function signInFrom(form: FormData): Submission {
  const username = text(form, "username").trim();
  const who = username.includes("@") ? { email: username } : { username };
  const rememberMe = (form.getAll("remember").at(-1) ?? "on") === "on";
  const path = username.includes("@") ? "/api/auth/sign-in/email" : "/api/auth/sign-in/username";
  return { path, body: { ...who, password: text(form, "password"), rememberMe } };
}

/** What a form for a new account asks: its fields `name`, `username`, `email` and `password`. */
export function signUpFrom(form: FormData): Submission {
  const fields = ["name", "username", "email"].map((name) => [name, text(form, name).trim()]);
  return { path: "/api/auth/sign-up/email", body: { ...Object.fromEntries(fields), password: text(form, "password") } };
}

/** Signs out. */
export const SIGN_OUT: Submission = { path: "/api/auth/sign-out", body: {} };

/** Makes the request; `null` when it is done, otherwise why it is not. */
export async function submit({ path, body }: Submission, send: typeof fetch): Promise<VestibuleError | null> {
  const headers = { "content-type": "application/json" };
  try {
    const answer = await send(path, { method: "POST", credentials: "same-origin", headers, body: JSON.stringify(body) });
    if (answer.ok) return null;
    return await failure(answer, path.includes("/sign-in/") ? "sign-in" : "session");
  } catch (cause) {
    return unavailable(cause);
  }
}

/** The first of `wishes` that is a path on this site: begins with a single `/`, and stays so however it is read. */
export function destination(wishes: readonly (string | null | undefined)[], origin: string): string {
  const isHere = (wish: string) => {
    const isPath = /^\/(?!\/)[^\\\x00-\x1f]*$/.test(wish);
    return isPath && URL.canParse(wish, origin) && new URL(wish, origin).origin === origin;
  };
  return wishes.find((wish): wish is string => typeof wish === "string" && isHere(wish)) ?? "/";
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
