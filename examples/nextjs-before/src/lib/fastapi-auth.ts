import { env } from "@/env"

interface APITokens {
  access_token: string
  token_type: string
}

interface APIUser {
  id: number
  name: string
  username: string
  email: string
  profile_image_url: string
  tier_id: number | null
}

// Login to FastAPI and get tokens
export async function loginToFastAPI(
  username: string,
  password: string
): Promise<{ user: APIUser; accessToken: string } | null> {
  try {
    const formData = new FormData()
    formData.append("username", username)
    formData.append("password", password)

    const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1/login`, {
      method: "POST",
      body: formData,
      credentials: "include", // Include cookies for refresh_token
    })

    if (!response.ok) return null

    const tokens: APITokens = await response.json()

    // Get user info with the access token
    const user = await getUserFromFastAPI(tokens.access_token)
    if (!user) return null

    return {
      user,
      accessToken: tokens.access_token,
    }
  } catch (error) {
    console.error("FastAPI login error:", error)
    return null
  }
}

// Register new user
export async function registerToFastAPI(data: {
  name: string
  username: string
  email: string
  password: string
}): Promise<APIUser | null> {
  try {
    const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1/user`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(data),
    })

    if (!response.ok) return null
    return await response.json()
  } catch (error) {
    console.error("FastAPI registration error:", error)
    return null
  }
}

// Get current user with access token
export async function getUserFromFastAPI(
  accessToken: string
): Promise<APIUser | null> {
  try {
    const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1/user/me`, {
      headers: { Authorization: `Bearer ${accessToken}` },
    })

    if (!response.ok) return null
    return await response.json()
  } catch (error) {
    console.error("FastAPI get user error:", error)
    return null
  }
}

// Refresh access token
export async function refreshTokenFromFastAPI(): Promise<string | null> {
  try {
    const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1/refresh`, {
      method: "POST",
      credentials: "include", // Send refresh_token cookie
    })

    if (!response.ok) return null

    const tokens: APITokens = await response.json()
    return tokens.access_token
  } catch (error) {
    console.error("Token refresh error:", error)
    return null
  }
}

// Logout
export async function logoutFromFastAPI(accessToken: string): Promise<boolean> {
  try {
    const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1/logout`, {
      method: "POST",
      headers: { Authorization: `Bearer ${accessToken}` },
      credentials: "include", // Send refresh_token cookie
    })

    return response.ok
  } catch (error) {
    console.error("FastAPI logout error:", error)
    return false
  }
}
