/** A page's query, as Next.js gives it. */
export type Query = Promise<Record<string, string | string[] | undefined>>;

/** The first value of a name. */
export function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
