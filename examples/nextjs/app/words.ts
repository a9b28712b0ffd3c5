import type { Failure } from "@vestibule/next/client";

/** Why something was refused, for people. What is about a field stands beside it. */
export function sentence({ code, detail, fields }: Failure): string | undefined {
  switch (code) {
    case "INVALID_CREDENTIALS":
      return "That username, e-mail or password isn't right. Check both fields and try again.";
    case "THROTTLED":
      return "Too many attempts. Wait a moment and try again.";
    case "UNAVAILABLE":
      return "A service behind this page isn't answering. It's not your fault. Try again in a moment.";
    default:
      return Object.keys(fields).length > 0 ? undefined : detail;
  }
}
