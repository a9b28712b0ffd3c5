"use client"

import { createAuthClient } from "better-auth/react"
import { env } from "@/env"

export const authClient = createAuthClient({
  baseURL: env.NEXT_PUBLIC_SITE_URL,
})

// Custom hooks for FastAPI auth
// Changed to compile. The brief has: export { useSession } from "better-auth/react"
// error TS2305: Module '"better-auth/react"' has no exported member 'useSession'. It belongs to the client.
export const { useSession } = authClient
