// Added: the brief imports `@/lib/api` and does not show it. The least that its callers need.
import { env } from "@/env"

async function send<T>(method: string, url: string, body?: unknown, config?: RequestInit): Promise<T> {
  const headers = new Headers(config?.headers)
  if (body !== undefined) headers.set("Content-Type", "application/json")
  const response = await fetch(`${env.NEXT_PUBLIC_API_URL}/api/v1${url}`, {
    ...config,
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status}`)
  return response.json() as Promise<T>
}

export const get = <T>(url: string, config?: RequestInit) => send<T>("GET", url, undefined, config)
export const post = <T, B = unknown>(url: string, body?: B, config?: RequestInit) => send<T>("POST", url, body, config)
export const put = <T, B = unknown>(url: string, body?: B, config?: RequestInit) => send<T>("PUT", url, body, config)
export const del = <T>(url: string, config?: RequestInit) => send<T>("DELETE", url, undefined, config)
