import { SessionSync } from "@vestibule/next/client";
import type { Metadata } from "next";
import type { ReactNode } from "react";

import "./style.css";

export const metadata: Metadata = {
  title: { default: "Vestibule and Next.js", template: "%s · Vestibule and Next.js" },
  description: "The brief's app, with the authentication code deleted.",
};

/** What all pages have in common. `SessionSync` has a tab notice what another one did with the session. */
export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        {children}
        <SessionSync />
      </body>
    </html>
  );
}
