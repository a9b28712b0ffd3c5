// @ts-check
/**
 * How every page is looked at.
 * @module
 */

export const LOOKS = /** @type {const} */ ({
  light: { colorScheme: "light", viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  narrow: { colorScheme: "light", viewport: { width: 320, height: 640 } },
  "narrow-dark": { colorScheme: "dark", viewport: { width: 320, height: 640 } },
});
