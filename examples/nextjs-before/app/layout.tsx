// Added, like all pages here: the brief says "Build login/register forms" and shows none.
import type { ReactNode } from "react"

export const metadata = { title: "Before" }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  )
}
