"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

import { watch } from "./hint.js";

/** Put once into the root layout: keeps every open page true to the session. When somebody signs out, or in as somebody
 * else, in this tab or another, the page is loaded again, and with it goes what the router remembers of the last person.
 * When somebody signs in, it is refreshed. Shows nothing. */
export function SessionSync(): null {
  const router = useRouter();
  useEffect(
    () => watch(window, (change) => (change === "begun" ? router.refresh() : window.location.reload())),
    [router],
  );
  return null;
}
