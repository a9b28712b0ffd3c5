// Added: the brief imports `@/env` and does not show it. Its three variables, as it names them.
export const env = {
  AUTH_SECRET: process.env.AUTH_SECRET ?? "",
  NEXT_PUBLIC_API_URL: process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000",
  NEXT_PUBLIC_SITE_URL: process.env.NEXT_PUBLIC_SITE_URL ?? "http://localhost:3000",
}
