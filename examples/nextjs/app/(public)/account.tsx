"use client";

import { useSession } from "@vestibule/next/client";
import Link from "next/link";

import { SignOut } from "../frame";

/** Who is visiting, asked by the browser: the page itself is the same for everybody. */
export function Account() {
  const { session } = useSession();
  if (session) {
    return (
      <>
        <span className="who">
          <bdi>{session.user.name}</bdi>
        </span>
        <Link href="/dashboard">Dashboard</Link>
        <SignOut />
      </>
    );
  }
  return (
    <>
      <Link href="/login">Sign in</Link>
      <Link href="/register">Create account</Link>
    </>
  );
}

/** For who has no account yet; until the browser knows, for everybody. */
export function CreateAccount() {
  const { session } = useSession();
  if (session) return null;
  return (
    <Link className="button second" href="/register">
      Create account
    </Link>
  );
}
