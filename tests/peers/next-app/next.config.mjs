/** Everything goes to the application behind, as the rewrites of the Next.js documentation have it. Its address is
 *  fixed when this is built.
 *  @type {import("next").NextConfig} */
const config = {
  poweredByHeader: false,
  async rewrites() {
    return { beforeFiles: [{ source: "/:path*", destination: `${process.env.UPSTREAM}/:path*` }], afterFiles: [], fallback: [] };
  },
};

export default config;
