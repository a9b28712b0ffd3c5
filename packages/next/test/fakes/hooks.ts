/**
 * Puts this folder's modules in the place of what Next.js provides while it serves a request.
 * @module
 */
import { type ResolveHook, register } from "node:module";

const FAKES = ["next/headers", "next/navigation"];

export const resolve: ResolveHook = (specifier, context, next) => {
  if (FAKES.includes(specifier)) return next(new URL(`./${specifier.slice("next/".length)}.js`, import.meta.url).href, context);
  return next(specifier === "next/server" ? "next/server.js" : specifier, context);
};

/** Loaded by `--import` in the main thread; the same module again is the hook. */
if (!new URL(import.meta.url).searchParams.has("hook")) register("./hooks.js?hook", import.meta.url);
