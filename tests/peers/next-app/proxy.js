/** What a site does that keeps strangers out of a part of itself. */
export function proxy() {
  return new Response("Forbidden", { status: 403 });
}

export const config = { matcher: ["/admin", "/admin/:path*"] };
