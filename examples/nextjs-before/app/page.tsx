import Link from "next/link"

export default function Home() {
  return (
    <main>
      <h1>Before</h1>
      <p>
        <Link href="/login">Sign in</Link>, <Link href="/register">create an account</Link> or open the{" "}
        <Link href="/dashboard">dashboard</Link>.
      </p>
    </main>
  )
}
