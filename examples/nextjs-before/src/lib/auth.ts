import { betterAuth } from "better-auth"
import { env } from "@/env"

export const auth = betterAuth({
  // NO database needed - using stateless JWT strategy
  session: {
    strategy: "jwt", // Stateless sessions
    expiresIn: 60 * 60 * 24 * 7, // 7 days
  },
  
  secret: env.AUTH_SECRET,
  
  // Custom credentials provider that talks to FastAPI
  plugins: [],
  
  // We'll use custom logic to authenticate against FastAPI
  // instead of Better Auth's built-in email/password
})
