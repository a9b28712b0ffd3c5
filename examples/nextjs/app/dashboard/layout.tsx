import { SessionSync } from "@vestibule/next/client";
import { requireSession } from "@vestibule/next/server";
import Link from "next/link";
import type { ReactNode } from "react";

import { Frame, SignOut } from "../frame";
import { Tabs } from "./tabs";

/** Everything below /dashboard is for people who are signed in. `SessionSync` is told who, and notices what happens while a page is on
 * its way. */
export default async function DashboardLayout({ children }: { children: ReactNode }) {
  const { id, user } = await requireSession();
  const account = (
    <>
      <span className="who">
        <bdi>{user.name}</bdi>
      </span>
      <Link href="/dashboard" aria-current="page">
        Dashboard
      </Link>
      <SignOut />
    </>
  );
  return (
    <Frame account={account}>
      <Tabs />
      {children}
      <SessionSync session={id} />
    </Frame>
  );
}
