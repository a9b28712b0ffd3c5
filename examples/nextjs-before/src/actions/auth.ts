"use server"

import { loginToFastAPI, registerToFastAPI, logoutFromFastAPI } from "@/lib/fastapi-auth"
import { cookies } from "next/headers"

export async function loginAction(username: string, password: string) {
  const result = await loginToFastAPI(username, password)
  
  if (!result) {
    return { success: false, error: "Invalid credentials" }
  }

  // Store access token in httpOnly cookie
  const cookieStore = await cookies()
  cookieStore.set("access_token", result.accessToken, {
    httpOnly: true,
    secure: process.env.NODE_ENV === "production",
    sameSite: "lax",
    maxAge: 60 * 30, // 30 minutes
  })

  return {
    success: true,
    user: result.user,
  }
}

export async function registerAction(data: {
  name: string
  username: string
  email: string
  password: string
}) {
  const user = await registerToFastAPI(data)
  
  if (!user) {
    return { success: false, error: "Registration failed" }
  }

  return { success: true, user }
}

export async function logoutAction() {
  const cookieStore = await cookies()
  const accessToken = cookieStore.get("access_token")?.value

  if (accessToken) {
    await logoutFromFastAPI(accessToken)
  }

  cookieStore.delete("access_token")
  return { success: true }
}
