import { redirect } from "next/navigation";

import { VestibuleError, failure } from "./errors.js";
import { addressOf } from "./get-session.js";
import { ask } from "./gateway.js";
import { TICKET } from "./names.js";
import { isRendering, onBehalf } from "./request.js";

/** What goes with a call: headers of your own, and what cancels it. */
export interface CallOptions {
  headers?: HeadersInit;
  signal?: AbortSignal;
}

/** A call whose answer is streamed: by default `GET`. */
export interface StreamOptions extends CallOptions {
  method?: string;
  body?: unknown;
}

/** Calls the API for whoever is signed in: `api.get<User>("/user/me")` is `GET /api/v1/user/me` with a live token, which
 * the gateway adds; it never reaches this app. Nothing is cached.
 *
 * A body is sent as JSON, unless it is `FormData`, `URLSearchParams`, a `Blob`, bytes or a `ReadableStream`. What comes
 * back is JSON too, and `undefined` if it is empty. `T` is believed, not checked.
 *
 * Where the session is over, a render sends the visitor to sign in, by an exception of Next.js: don't call these inside `try`
 * there. In Server Actions and Route Handlers it is thrown as `SIGNED_OUT`.
 *
 * @throws {@link VestibuleError} for every answer but success, and if there is none */
export const api = {
  get: <T>(path: string, options?: CallOptions): Promise<T> => read("GET", path, undefined, options),
  post: <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> => read("POST", path, body, options),
  put: <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> => read("PUT", path, body, options),
  patch: <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> => read("PATCH", path, body, options),
  delete: <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> => read("DELETE", path, body, options),

  /** The answer as it arrives; a Route Handler may return it as it is. It is whatever the API sends, with the headers
   * that describe it, and is never kept by a cache.
   * @throws as the others; once the answer has begun, an outage breaks its body off */
  async stream(path: string, { method = "GET", body, ...options }: StreamOptions = {}): Promise<Response> {
    const answer = await call(method, path, body, { accept: "*/*", "accept-encoding": "identity" }, options);
    const headers = new Headers({ "cache-control": "private, no-store" });
    for (const name of DESCRIBES) {
      const value = answer.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    return new Response(answer.body, { status: answer.status, headers });
  },
};

/** Headers of an answer that say what its body is (RFC 9110, 8 and 14; RFC 6266). */
const DESCRIBES = [
  "accept-ranges",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "content-type",
  "last-modified",
];

async function read<T>(method: string, path: string, body: unknown, options: CallOptions = {}): Promise<T> {
  const answer = await call(method, path, body, { accept: "application/json" }, options);
  const text = await answer.text();
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new VestibuleError({ code: "FAILED", detail: "The API's answer is not JSON: read it with api.stream." }, { cause });
  }
}

async function call(
  method: string,
  path: string,
  body: unknown,
  accepts: Record<string, string>,
  { headers, signal }: CallOptions,
): Promise<Response> {
  const target = inTheApi(path);
  const send = payload(body);
  const sent = new Headers({ ...accepts, ...(send.type && { "content-type": send.type }) });
  const behalf = await onBehalf();
  for (const more of [new Headers(headers), behalf]) more.forEach((value, name) => sent.set(name, value));
  const answer = await ask(target, { ...send.init, method, headers: sent, ...(signal && { signal }) });
  if (answer.ok) return answer;
  if (answer.status >= 300 && answer.status < 400) throw new VestibuleError({ code: "FAILED", detail: ELSEWHERE });
  const isForSomebody = behalf.has(TICKET) || behalf.has("cookie");
  const refused = await failure(answer, isForSomebody ? "call" : "session");
  if (refused.code === "SIGNED_OUT" && (await isRendering())) {
    redirect(await addressOf(isForSomebody ? "/api/auth/expired" : "/login"));
  }
  throw refused;
}

const ELSEWHERE = "The API answered with a redirect: call the address that it leads to. Often only a slash at the end differs.";

/** `/user/me` is `/api/v1/user/me`. What is put into a path goes through `encodeURIComponent` first; dots that would lead
 * elsewhere are refused all the same.
 * @throws `TypeError` for a path that does not begin with `/`, or has `.`, `..`, a backslash or a control character in it */
function inTheApi(path: string): string {
  const [asked = ""] = path.split(/[?#]/);
  const leadsAstray = asked.split("/").some((name) => /^(?:\.|%2e){1,2}$/i.test(name));
  if (!asked.startsWith("/") || leadsAstray || /[\\\x00-\x1f]/.test(path)) {
    throw new TypeError("a path of the API begins with / and has no . or .. in it");
  }
  return `/api/v1${path}`;
}

function payload(body: unknown): { type?: string; init: RequestInit } {
  if (body === undefined) return { init: {} };
  // These bring their own type; a stream is sent while it is read.
  if (body instanceof ReadableStream) return { init: { body, duplex: "half" } as RequestInit };
  if (isRaw(body)) return { init: { body } };
  return { type: "application/json", init: { body: JSON.stringify(body) } };
}

function isRaw(body: unknown): body is FormData | URLSearchParams | Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  const kinds = [FormData, URLSearchParams, Blob, ArrayBuffer];
  return kinds.some((kind) => body instanceof kind) || ArrayBuffer.isView(body);
}
