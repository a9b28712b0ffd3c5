/**
 * What the types promise; compiled, never run. A line below `@ts-expect-error` has to be an error.
 * @module
 */
import type { NextConfig } from "next";
import type { NextProxy } from "next/server";

import { type Session as ClientSession, type SessionState, SessionSync, useSession, useSignIn } from "@vestibule/next/client";
import { withVestibule } from "@vestibule/next/config";
import { proxy } from "@vestibule/next/proxy";
import {
  type Failure,
  type Session,
  VestibuleError,
  api,
  getSession,
  requireSession,
  signIn,
  signOut,
  signUp,
} from "@vestibule/next/server";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_is: Same<A, B>) => {};

export async function server() {
  same<Awaited<ReturnType<typeof getSession>>, Session | null>(true);
  same<Awaited<ReturnType<typeof requireSession>>, Session>(true);
  const session = await getSession();
  // @ts-expect-error Nobody may be signed in.
  session.user;
  const { user } = await requireSession();
  same<typeof user.email, string | null>(true);
  // @ts-expect-error No token is in reach.
  user.token;

  const me = await api.get<{ name: string }>("/user/me");
  same<typeof me, { name: string }>(true);
  const untold = await api.get("/user/me");
  same<typeof untold, unknown>(true);
  await api.post("/notes", { text: "a" }, { headers: { "x-mine": "1" } });
  // @ts-expect-error How it is kept is not the caller's choice.
  await api.get("/user/me", { cache: "force-cache" });
  // @ts-expect-error A GET has no body.
  await api.get("/user/me", undefined, {});
  same<Awaited<ReturnType<typeof api.stream>>, Response>(true);

  await signIn({ username: "ada", password: "secret", remember: false });
  // @ts-expect-error A password is needed.
  await signIn({ username: "ada" });
  // @ts-expect-error It is one argument.
  await signIn("ada", "secret");
  // @ts-expect-error All four are needed.
  await signUp({ name: "Ada", username: "ada", password: "secret" });
  same<Awaited<ReturnType<typeof signOut>>, void>(true);
}

export function errors(error: VestibuleError): Failure {
  if (error.code === "UNAVAILABLE") return error.toJSON();
  // @ts-expect-error There is no such code.
  if (error.code === "SIGNEDOUT") return error;
  same<typeof error.fields, Record<string, string>>(true);
  // @ts-expect-error It is read only.
  error.status = 200;
  return error;
}

export function client() {
  same<ReturnType<typeof useSession>, SessionState>(true);
  // A session is one thing on both sides, and what it goes by is what SessionSync takes.
  same<ClientSession, Session>(true);
  SessionSync({ session: useSession().session?.id ?? null });
  const { form, pending } = useSignIn({ next: "/inbox" });
  same<typeof pending, boolean>(true);
  same<typeof form.method, "post">(true);
  // @ts-expect-error Misspelt.
  useSignIn({ nxt: "/inbox" });
  same<ReturnType<typeof SessionSync>, null>(true);
}

export const asProxy: NextProxy = proxy;

export const config: NextConfig = withVestibule({ reactStrictMode: true }, { protect: ["/dashboard"] });
export const made = withVestibule((phase) => ({ distDir: phase }));

// @ts-expect-error Unknown options are an error, not ignored.
withVestibule({}, { protected: ["/dashboard"] });
// @ts-expect-error A list.
withVestibule({}, { protect: "/dashboard" });
// @ts-expect-error Next.js has no such setting.
withVestibule({ reactStrictMod: true });
