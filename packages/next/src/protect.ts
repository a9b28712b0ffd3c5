/** What is protected if nobody says otherwise: the gateway's own default. */
export const DEFAULT = ["/dashboard"];

/** Takes path prefixes such as `/dashboard`, which stand for the page and all below it; `/` for everything.
 * @throws `Error` for anything that could be read in two ways: patterns, dots, percent signs, a slash at the end */
export function prefixes(protect: readonly string[]): string[] {
  const wrong = protect.find((prefix) => prefix !== "/" && !/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/.test(prefix));
  if (wrong === undefined) return [...protect];
  throw new Error(`protect: "${wrong}" is not a path like /dashboard; it stands for all below it too, without a pattern`);
}

/** Whether a path, as it was sent, is one of `paths` or below it. */
export function isAt(pathname: string, paths: readonly string[]): boolean {
  return paths.some((path) => pathname === path || pathname.startsWith(`${path}/`));
}

/** Whether a path is one of `protect` or below it. Read as generously as any router might: decoded, without empty
 * segments, and without the endings that Next.js gives to parts of a page; what can't be decoded is protected. */
export function isProtected(pathname: string, protect: readonly string[]): boolean {
  const asked = names(pathname);
  return asked === null || protect.some((prefix) => names(prefix)?.every((name, at) => name === asked[at]));
}

/** The segments of a path, so read; `null` if it can't be decoded. */
export function names(path: string): string[] | null {
  try {
    const all = decodeURIComponent(path).split(/[/\\]/).filter((name) => name !== "");
    return all.map((name) => name.replace(/\.(?:rsc|segments)$/, ""));
  } catch {
    return null;
  }
}
