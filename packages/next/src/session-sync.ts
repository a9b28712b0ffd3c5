"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

import { keepTrue } from "./sync.js";

/** What {@link SessionSync} can be told. */
export interface SessionSyncProps {
  /** Whom the server rendered this page for: `(await getSession())?.id ?? null`. With it, a change is noticed too that came
   * while the page was on its way. */
  session?: string | null;
}

/** Put once into the root layout: keeps every open page true to the session. When somebody signs out, or in as somebody
 * else, in this tab or another, the page is loaded again, and with it goes what the router remembers of the last person.
 * When somebody signs in, it is refreshed. Shows nothing. */
export function SessionSync({ session }: SessionSyncProps): null {
  const router = useRouter();
  useEffect(() => keepTrue(window, session, () => router.refresh()), [router, session]);
  return null;
}
