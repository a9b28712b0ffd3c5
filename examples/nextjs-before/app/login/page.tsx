"use client"

import { useRouter } from "next/navigation"
import { type FormEvent, useState } from "react"

import { loginAction } from "@/actions/auth"

export default function Login() {
  const router = useRouter()
  const [error, setError] = useState("")

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const result = await loginAction(String(form.get("username")), String(form.get("password")))
    if (result.success) router.push("/dashboard")
    else setError(result.error ?? "")
  }

  return (
    <main>
      <h1>Sign in</h1>
      {error && <p role="alert">{error}</p>}
      <form onSubmit={submit}>
        <p>
          <label>
            Username or e-mail <input name="username" />
          </label>
        </p>
        <p>
          <label>
            Password <input name="password" type="password" />
          </label>
        </p>
        <button>Sign in</button>
      </form>
    </main>
  )
}
