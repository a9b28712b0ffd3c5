import { names } from "./protect.js";

/** Where a sign-in leads that came from nowhere. */
export const DEFAULT_RETURN = "/dashboard";

const SITE = "https://site.invalid";

/** Path and query that a sign-in may lead to, out of `next`; the default page for anything that a browser, or a server on the
 * way, might read as another site, and for what would lead back here or to no page (contract: Next.js, G7). */
export function returnPath(next: string | null): string {
  return (next !== null && onThisSite(next)) || DEFAULT_RETURN;
}

function onThisSite(text: string): string | null {
  if (!text.startsWith("/") || /[\\\s\x00-\x1f\x7f]/.test(text) || !URL.canParse(text, SITE)) return null;
  const { origin, pathname, search } = new URL(text, SITE);
  // Nor if somebody decodes it once more.
  if (origin !== SITE || pathname.includes("//") || /%(?:25)*(?:2f|5c|[01][0-9a-f]|7f)/i.test(pathname)) return null;
  return isPlaceToBe(pathname) ? pathname + withoutRsc(search) : null;
}

function isPlaceToBe(pathname: string): boolean {
  const [first = "", ...rest] = names(pathname) ?? ["api"];
  const isForm = ["login", "register", "logout"].includes(first) && rest.length === 0;
  return first !== "api" && !isForm;
}

/** `_rsc` asks Next.js for the data of a page. The others stay as they were written. */
function withoutRsc(search: string): string {
  const pairs = search.slice(1).split("&");
  const kept = pairs.filter((pair) => !new URLSearchParams(pair).has("_rsc")).join("&");
  return kept === "" ? "" : `?${kept}`;
}
