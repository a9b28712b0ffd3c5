export { proxy } from "@vestibule/next/proxy";

// Next.js reads this without running it: it has to be written out.
export const config = {
  matcher: [
    { source: "/((?!_next/|favicon.ico).*)", missing: [{ type: "header", key: "next-router-prefetch" }] },
    { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "__Host-Http-vestibule" }] },
    { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "vestibule" }] },
  ],
};
