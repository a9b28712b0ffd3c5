/** A `Set-Cookie` line in the form that `cookies().set` takes. */
export interface SetCookie {
  name: string;
  value: string;
  path?: string;
  domain?: string;
  maxAge?: number;
  expires?: Date;
  httpOnly?: true;
  secure?: true;
  sameSite?: "lax" | "strict" | "none";
  partitioned?: true;
  priority?: "low" | "medium" | "high";
}

/** Reads a `Set-Cookie` line (RFC 6265, 5.2) with all its attributes; `null` if it names no cookie. */
export function parseSetCookie(line: string): SetCookie | null {
  const [pair = "", ...attributes] = line.split(";");
  const [name, value] = halves(pair);
  if (!name || value === undefined) return null;
  const cookie: SetCookie = { name, value: decoded(value) };
  for (const attribute of attributes) {
    const [key, text = ""] = halves(attribute);
    apply(cookie, key.toLowerCase(), text);
  }
  return cookie;
}

function apply(cookie: SetCookie, attribute: string, text: string): void {
  const choice = text.toLowerCase();
  switch (attribute) {
    case "path":
      cookie.path = text;
      break;
    case "domain":
      cookie.domain = text;
      break;
    case "max-age":
      if (/^-?\d+$/.test(text)) cookie.maxAge = Number(text);
      break;
    case "expires":
      if (!Number.isNaN(Date.parse(text))) cookie.expires = new Date(text);
      break;
    case "httponly":
      cookie.httpOnly = true;
      break;
    case "secure":
      cookie.secure = true;
      break;
    case "partitioned":
      cookie.partitioned = true;
      break;
    case "samesite":
      if (choice === "lax" || choice === "strict" || choice === "none") cookie.sameSite = choice;
      break;
    case "priority":
      if (choice === "low" || choice === "medium" || choice === "high") cookie.priority = choice;
      break;
  }
}

/** What is before and after the first `=`, without blanks around. */
function halves(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text.trim(), undefined] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Next.js percent-encodes what it is given to set. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
