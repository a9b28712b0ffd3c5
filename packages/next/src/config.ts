/**
 * For `next.config`, where Next.js stands in front of the gateway.
 * @module
 */
import type { NextConfig } from "next";

import { gatewayOrigin } from "./gateway.js";
import { AT_THE_GATEWAY, ENTRANCES, SESSION_COOKIES } from "./names.js";
import { DEFAULT, prefixes } from "./protect.js";

/** What {@link withVestibule} can be told. */
export interface VestibuleOptions {
  /** Origin of the gateway as Next.js reaches it, by default `VESTIBULE_URL`. It is built in: Next.js reads rewrites once. */
  gateway?: string;
  /** What only signed-in visitors may see: paths, each with all that is below it; by default `["/dashboard"]`. */
  protect?: readonly string[];
}

/** A configuration, or the function that makes one. */
export type NextConfigFunction = (phase: string, context: { defaultConfig: NextConfig }) => NextConfig | Promise<NextConfig>;

type Rewrites = Awaited<ReturnType<NonNullable<NextConfig["rewrites"]>>>;

/** A Next.js configuration that sends what belongs to the gateway there, answers prefetches of protected pages so that
 * nothing wrong is remembered, and sets security headers. What the configuration has of its own stays.
 * @throws `Error` for an option that does not exist, a `protect` that is no path, or a `basePath` */
export function withVestibule(config?: NextConfig, options?: VestibuleOptions): NextConfig;
export function withVestibule(config: NextConfigFunction, options?: VestibuleOptions): NextConfigFunction;
export function withVestibule(
  config: NextConfig | NextConfigFunction = {},
  options: VestibuleOptions = {},
): NextConfig | NextConfigFunction {
  const settings = checked(options);
  if (typeof config !== "function") return extended(config, settings);
  return async (phase, context) => extended(await config(phase, context), settings);
}

type Settings = Required<VestibuleOptions>;

function checked({ gateway, protect = DEFAULT, ...unknown }: VestibuleOptions): Settings {
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw new Error(`withVestibule has no option "${name}", only gateway and protect`);
  return { gateway: gatewayOrigin(gateway ?? process.env.VESTIBULE_URL), protect: prefixes(protect) };
}

function extended(config: NextConfig, settings: Settings): NextConfig {
  if (config.basePath) throw new Error("withVestibule: the gateway's paths begin at /, so there can be no basePath");
  return {
    ...config,
    // Read by the proxy.
    env: { ...config.env, VESTIBULE_PROTECT: JSON.stringify(settings.protect) },
    rewrites: async () => rewrites(settings, (await config.rewrites?.()) ?? []),
    headers: async () => [...HEADERS, ...((await config.headers?.()) ?? [])],
  };
}

/** Two cookies may be missing, a header there: Next.js sees more here than a proxy does (contract: Next.js, N4). */
function rewrites({ gateway, protect }: Settings, own: Rewrites): Rewrites {
  const { beforeFiles = [], afterFiles = [], fallback = [] } = Array.isArray(own) ? { afterFiles: own } : own;
  const signedOut = SESSION_COOKIES.map((key) => ({ type: "cookie" as const, key }));
  const prefetched = protect.map((prefix) => ({
    source: prefix === "/" ? "/:path*" : `${prefix}/:path*`,
    has: [{ type: "header" as const, key: "next-router-prefetch", value: ".+" }],
    missing: signedOut,
    destination: `${gateway}/api/auth/_empty`,
  }));
  const ours = AT_THE_GATEWAY.map((source) => to(gateway, `${source}/:path*`));
  // A form that is posted without JavaScript is the gateway's even where the app has a page of its own.
  const forms = ENTRANCES.map((source) => ({ ...to(gateway, source), has: [POSTED] }));
  return {
    beforeFiles: [...ours, ...forms, ...prefetched, ...beforeFiles],
    afterFiles: [...afterFiles, ...ENTRANCES.map((source) => to(gateway, source))],
    fallback,
  };
}

function to(gateway: string, source: string) {
  return { source, destination: gateway + source };
}

const POSTED = { type: "header" as const, key: "content-type", value: "application/x-www-form-urlencoded.*" };

const NO_STORE = [{ key: "Cache-Control", value: "private, no-store" }];

/** A page that a cache, or the browser's history, gave to the next person would be the last one's (contract: Next.js, N6). */
const HEADERS = [
  {
    source: "/:path*",
    headers: [
      { key: "X-Content-Type-Options", value: "nosniff" },
      { key: "X-Frame-Options", value: "DENY" },
      { key: "Referrer-Policy", value: "same-origin" },
    ],
  },
  ...ENTRANCES.map((source) => ({ source, headers: NO_STORE })),
];
