import { redirect } from "next/navigation"

import { logoutAction } from "@/actions/auth"
import { getWithAuth } from "@/lib/api-with-auth"

interface User {
  name: string
  username: string
  email: string
}

async function signOut() {
  "use server"
  await logoutAction()
  redirect("/login")
}

export default async function Dashboard() {
  const user = await getWithAuth<User>("/user/me")
  return (
    <main>
      <h1>{user.name}</h1>
      <p>
        {user.username}, {user.email}
      </p>
      <form action={signOut}>
        <button>Sign out</button>
      </form>
    </main>
  )
}
