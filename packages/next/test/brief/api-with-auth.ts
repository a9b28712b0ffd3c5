/**
 * `src/lib/api-with-auth.ts` of the brief: what it exports, on top of the package.
 * @module
 */
import { type CallOptions, api } from "@vestibule/next/server";

export function getWithAuth<T>(url: string, config?: CallOptions): Promise<T> {
  return api.get<T>(url, config);
}

export function postWithAuth<T, B = unknown>(url: string, body?: B, config?: CallOptions): Promise<T> {
  return api.post<T>(url, body, config);
}

export function putWithAuth<T, B = unknown>(url: string, body?: B, config?: CallOptions): Promise<T> {
  return api.put<T>(url, body, config);
}

export function delWithAuth<T>(url: string, config?: CallOptions): Promise<T> {
  return api.delete<T>(url, undefined, config);
}
