/**
 * `next/navigation` as far as the package uses it.
 * @module
 */

/** What `redirect` throws. */
export class Redirect extends Error {
  readonly to: string;

  constructor(to: string) {
    super("NEXT_REDIRECT");
    this.to = to;
  }
}

export function redirect(to: string): never {
  throw new Redirect(to);
}

export function useRouter() {
  return { refresh() {} };
}
