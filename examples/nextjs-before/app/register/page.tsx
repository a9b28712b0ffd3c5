"use client"

import { useRouter } from "next/navigation"
import { type FormEvent, useState } from "react"

import { registerAction } from "@/actions/auth"

export default function Register() {
  const router = useRouter()
  const [error, setError] = useState("")

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name))
    const result = await registerAction({
      name: text("name"),
      username: text("username"),
      email: text("email"),
      password: text("password"),
    })
    if (result.success) router.push("/login")
    else setError(result.error ?? "")
  }

  return (
    <main>
      <h1>Create account</h1>
      {error && <p role="alert">{error}</p>}
      <form onSubmit={submit}>
        <p>
          <label>
            Name <input name="name" />
          </label>
        </p>
        <p>
          <label>
            Username <input name="username" />
          </label>
        </p>
        <p>
          <label>
            E-mail <input name="email" type="email" />
          </label>
        </p>
        <p>
          <label>
            Password <input name="password" type="password" />
          </label>
        </p>
        <button>Create account</button>
      </form>
    </main>
  )
}
