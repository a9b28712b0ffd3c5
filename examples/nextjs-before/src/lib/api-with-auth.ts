import { cookies } from "next/headers"
import { get, post, put, del } from "@/lib/api"
import { refreshTokenFromFastAPI } from "@/lib/fastapi-auth"

// Helper to get access token and auto-refresh if needed
async function getAccessToken(): Promise<string | null> {
  const cookieStore = await cookies()
  let accessToken = cookieStore.get("access_token")?.value

  if (!accessToken) {
    // Try to refresh
    const newToken = await refreshTokenFromFastAPI()
    if (newToken) {
      cookieStore.set("access_token", newToken, {
        httpOnly: true,
        secure: process.env.NODE_ENV === "production",
        sameSite: "lax",
        maxAge: 60 * 30,
      })
      return newToken
    }
    return null
  }

  return accessToken
}

// Wrapper functions with auth
export async function getWithAuth<T>(url: string, config?: any): Promise<T> {
  const token = await getAccessToken()
  if (!token) throw new Error("Not authenticated")

  return get<T>(url, {
    ...config,
    headers: {
      ...config?.headers,
      Authorization: `Bearer ${token}`,
    },
  })
}

export async function postWithAuth<T, B = unknown>(
  url: string,
  body?: B,
  config?: any
): Promise<T> {
  const token = await getAccessToken()
  if (!token) throw new Error("Not authenticated")

  return post<T, B>(url, body, {
    ...config,
    headers: {
      ...config?.headers,
      Authorization: `Bearer ${token}`,
    },
  })
}

// Similar for putWithAuth, delWithAuth...
