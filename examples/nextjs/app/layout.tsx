import type { Metadata } from "next";
import type { ReactNode } from "react";

import "./style.css";

export const metadata: Metadata = {
  title: { default: "Vestibule and Next.js", template: "%s · Vestibule and Next.js" },
  description: "The brief's app, with the authentication code deleted.",
};

/** What all pages have in common. */
export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
