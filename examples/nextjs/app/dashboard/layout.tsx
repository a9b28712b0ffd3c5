import { requireSession } from "@vestibule/next/server";
import Link from "next/link";
import type { ReactNode } from "react";

import { Frame, SignOut } from "../frame";
import { Tabs } from "./tabs";

/** Everything below /dashboard is for people who are signed in. */
export default async function DashboardLayout({ children }: { children: ReactNode }) {
  const { user } = await requireSession();
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
    </Frame>
  );
}
