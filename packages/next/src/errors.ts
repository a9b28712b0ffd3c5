/**
 * What can go wrong between an app and the gateway: one class, one table.
 * @module
 */

/** What happened, for programs. Stable: new ones may come, none changes its meaning.
 *
 * - `SIGNED_OUT`: nobody is signed in, or no longer (401).
 * - `INVALID_CREDENTIALS`: a sign-in was refused (401).
 * - `VALIDATION`: values were refused; `fields` says which (400, 422).
 * - `FORBIDDEN`: not this account (403, or the 401 of one route to somebody whose session lives).
 * - `NOT_FOUND`, `CONFLICT`, `TOO_LARGE`: as HTTP has them (404, 409, 413).
 * - `THROTTLED`: too often; `retryAfter` says when to come back (429).
 * - `UNAVAILABLE`: the gateway or the API did not answer. It says nothing of anybody's session (502, 503, 504, no answer).
 * - `FAILED`: anything else, such as a bug of the API (500).
 */
export type VestibuleErrorCode =
  | "SIGNED_OUT"
  | "INVALID_CREDENTIALS"
  | "VALIDATION"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "CONFLICT"
  | "TOO_LARGE"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "FAILED";

/** A {@link VestibuleError} as plain data, which a Server Action can return to the browser. */
export interface Failure {
  /** Status of the answer; 503 if there was none. */
  status: number;
  code: VestibuleErrorCode;
  /** One sentence, for people, in the words of who refused. */
  detail: string;
  /** What was refused about a field, by the field's name on the wire; `items.0.name` for one further down. */
  fields: Record<string, string>;
  /** Seconds after which another try makes sense. */
  retryAfter?: number;
}

/** Everything this package throws, except mistakes in the calling code (`TypeError`, and `Error` for a setting). */
export class VestibuleError extends Error implements Failure {
  override readonly name = "VestibuleError";
  readonly status: number;
  readonly code: VestibuleErrorCode;
  readonly detail: string;
  readonly fields: Record<string, string>;
  declare readonly retryAfter?: number;

  constructor(failure: Partial<Failure> & Pick<Failure, "code">, options?: ErrorOptions) {
    const { code, status = STATUS[code], detail = SENTENCE[code], fields = {}, retryAfter } = failure;
    super(`${code}: ${detail}`, options);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.fields = fields;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }

  /** Plain data, for a Server Action to return. */
  toJSON(): Failure {
    const { status, code, detail, fields, retryAfter } = this;
    return { status, code, detail, fields, ...(retryAfter !== undefined && { retryAfter }) };
  }

  /** Problem details (RFC 9457), for a Route Handler to answer. */
  toResponse(): Response {
    const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
    if (this.retryAfter !== undefined) headers.set("retry-after", String(this.retryAfter));
    return new Response(JSON.stringify(this), { status: this.status, headers });
  }
}

/** Reads what an answer refuses: the API's `detail` as a sentence or a list, problem details, or Better Auth's
 * `{code, message}`.
 * @param asked what was asked for. To a sign-in, 401 is the answer to wrong credentials. To a call of the API for somebody it
 * means "signed out" only if the gateway says so; otherwise that one route wants more than a session */
export async function failure(answer: Response, asked: Asked = "session"): Promise<VestibuleError> {
  const body = await answer.json().catch(() => null);
  const said = isRecord(body) ? body : {};
  const fields = fieldsOf(said);
  const code = answer.status === 401 ? codeOfUnauthorized(asked, said) : codeFor(answer.status);
  const detail = sentenceOf(said);
  const retryAfter = secondsIn(answer.headers.get("retry-after"));
  return new VestibuleError({
    status: answer.status,
    code,
    fields,
    ...(detail !== undefined && { detail }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

/** What a {@link failure} is the answer to. */
export type Asked = "session" | "sign-in" | "call";

function codeOfUnauthorized(asked: Asked, { code }: Record<string, unknown>): VestibuleErrorCode {
  if (asked === "sign-in") return "INVALID_CREDENTIALS";
  return asked === "session" || code === "signed_out" ? "SIGNED_OUT" : "FORBIDDEN";
}

/** The gateway could not be asked at all.
 * @param cause what `fetch` threw; for a log, not for people */
export function unavailable(cause: unknown): VestibuleError {
  return new VestibuleError({ code: "UNAVAILABLE" }, { cause });
}

const STATUS: Record<VestibuleErrorCode, number> = {
  SIGNED_OUT: 401,
  INVALID_CREDENTIALS: 401,
  VALIDATION: 422,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_LARGE: 413,
  THROTTLED: 429,
  UNAVAILABLE: 503,
  FAILED: 500,
};

const SENTENCE: Record<VestibuleErrorCode, string> = {
  SIGNED_OUT: "You are not signed in.",
  INVALID_CREDENTIALS: "Username or password is wrong.",
  VALIDATION: "Some of these values can't be used.",
  FORBIDDEN: "This account is not allowed to do this.",
  NOT_FOUND: "There is nothing here.",
  CONFLICT: "This has changed meanwhile. Load it again.",
  TOO_LARGE: "This is too large.",
  THROTTLED: "Too many attempts. Wait a moment.",
  UNAVAILABLE: "A service behind this site isn't answering. Try again in a moment.",
  FAILED: "Something went wrong on our side.",
};

function codeFor(status: number): VestibuleErrorCode {
  switch (status) {
    case 400:
    case 422:
      return "VALIDATION";
    case 403:
      return "FORBIDDEN";
    case 404:
      return "NOT_FOUND";
    case 409:
      return "CONFLICT";
    case 413:
      return "TOO_LARGE";
    case 429:
      return "THROTTLED";
    case 502:
    case 503:
    case 504:
      return "UNAVAILABLE";
    default:
      return "FAILED";
  }
}

function sentenceOf({ detail, message }: Record<string, unknown>): string | undefined {
  const said = [detail, message].find((text) => typeof text === "string" && text !== "");
  return typeof said === "string" ? said.replace(IN_BODY, "") : undefined;
}

/** Which field a refusal in one sentence, or with one code, is about (contract: identity API, 4; Better Auth, 3). */
const ABOUT: Record<string, string> = {
  "Email is already registered": "email",
  "Username not available": "username",
  INVALID_EMAIL: "email",
  USER_ALREADY_EXISTS: "email",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "email",
  INVALID_USERNAME: "username",
  USERNAME_IS_ALREADY_TAKEN: "username",
  USERNAME_TOO_LONG: "username",
  USERNAME_TOO_SHORT: "username",
  PASSWORD_TOO_LONG: "password",
  PASSWORD_TOO_SHORT: "password",
};

/** Better Auth's `[body.email] …`. */
const IN_BODY = /^\[body\.([\w.]+)\] /;

function fieldsOf({ detail, errors, code, message }: Record<string, unknown>): Record<string, string> {
  const list = [errors, detail].find(Array.isArray);
  if (list) return Object.fromEntries(list.map(refused).filter((pair) => pair !== null).reverse());
  const text = sentenceOf({ detail, message });
  if (text === undefined) return {};
  const named = typeof message === "string" ? IN_BODY.exec(message)?.[1] : undefined;
  const about = [named, ABOUT[String(code)], ABOUT[text]].find((field) => field !== undefined);
  return about === undefined ? {} : { [about]: text };
}

/** One line of FastAPI's list: `{"loc": ["body", "email"], "msg": "…"}`. */
function refused(error: unknown): [string, string] | null {
  if (!isRecord(error) || !Array.isArray(error.loc) || typeof error.msg !== "string") return null;
  const [, ...path] = error.loc;
  return path.length === 0 ? null : [path.join("."), error.msg.replace(/^Value error, /, "")];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `Retry-After` in seconds; its other form, a date, is not used here. */
function secondsIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
