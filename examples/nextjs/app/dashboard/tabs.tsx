"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";

const PAGES = {
  "/dashboard": "Overview",
  "/dashboard/profile": "Profile",
  "/dashboard/stream": "Stream",
  "/dashboard/upload": "Upload",
  "/dashboard/parallel": "Parallel",
};

/** The dashboard's pages, with the open one marked. */
export function Tabs() {
  const path = usePathname();
  return (
    <nav className="tabs" aria-label="Dashboard">
      {Object.entries(PAGES).map(([href, name]) => (
        <Link key={href} href={href} aria-current={href === path ? "page" : undefined}>
          {name}
        </Link>
      ))}
    </nav>
  );
}
