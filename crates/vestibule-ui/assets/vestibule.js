// @ts-check
/**
 * Makes the pages nicer; they are complete without it. It stores nothing, and nothing it fails at matters:
 * the server judges every form again and guards every page.
 * @module
 */

/**
 * What a field has to be.
 * @typedef {{ required?: boolean, least?: number, most?: number, pattern?: string, email?: boolean }} Rules
 */

/** Which rule a value breaks first, if any. Counts code points, as the server does.
 * @param {string} value
 * @param {Rules} rules
 * @returns {"missing" | "short" | "long" | "shape" | null} */
export function broken(value, { required, least = 0, most = Infinity, pattern, email }) {
  const text = email ? value.trim() : value;
  const length = [...text].length;
  if (length === 0) return required ? "missing" : null;
  if (email && !/^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text)) return "shape";
  if (length < least) return "short";
  if (length > most) return "long";
  return pattern && !new RegExp(`^(?:${pattern})$`, "u").test(text) ? "shape" : null;
}

/** The value of the cookie `name` in a `document.cookie`; empty if there is none.
 * @param {string} cookies
 * @param {string} name */
export function cookie(cookies, name) {
  const pair = cookies.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return pair ? pair.slice(name.length + 1) : "";
}

/** Whether the page is out of date: somebody signed in, out, or in as somebody else, since it was loaded.
 * @param {boolean} signedIn what the page shows
 * @param {string} then the hint at load
 * @param {string} now the hint now */
export function outdated(signedIn, then, now) {
  return signedIn ? now !== then : now !== "" && now !== then;
}

/** Asks `look` once, half a second after the last nudge, and not while `isLeaving`: reloading at once would
 * cancel the very navigation that changed the cookie.
 * @param {() => void} look
 * @param {() => boolean} isLeaving
 * @param {(run: () => void, ms: number) => unknown} later */
export function patiently(look, isLeaving, later) {
  let nudges = 0;
  return function nudge() {
    const mine = ++nudges;
    later(() => {
      if (mine !== nudges) return;
      if (isLeaving()) nudge();
      else look();
    }, 500);
  };
}

/** Remembers for a while that something has begun; a navigation can be cancelled without an event.
 * @param {() => number} now in milliseconds
 * @param {number} life in milliseconds */
export function lately(now, life) {
  let since = -Infinity;
  return { begin: () => void (since = now()), end: () => void (since = -Infinity), is: () => now() - since < life };
}

/** A moment in the visitor's own time zone, in the language of the page.
 * @param {string} datetime RFC 3339
 * @param {string} [timeZone]
 * @returns {string | null} */
export function local(datetime, timeZone) {
  const date = new Date(datetime);
  if (Number.isNaN(date.getTime())) return null;
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone }).format(date);
}

const leaving = lately(Date.now, 30_000);

/** Reloads the page, or hides it, when the hint cookie says that it shows the wrong person. */
function watchSession() {
  const { hint, address, then: asked } = document.documentElement.dataset;
  const signedIn = "signedIn" in document.documentElement.dataset;
  if (!hint || !(signedIn || address)) return;
  const read = () => {
    try {
      return cookie(document.cookie, hint);
    } catch {
      return then; // Cookies are blocked: nothing to notice.
    }
  };
  let then = "";
  then = asked ?? read();
  // Not `reload()`: after a refused form that would ask whether to send it again.
  const look = () => {
    const now = read();
    if (!outdated(signedIn, then, now)) return;
    then = now;
    location.replace(address || location.pathname + location.search);
  };
  const nudge = patiently(look, leaving.is, setTimeout);
  addEventListener("pageshow", (event) => {
    leaving.end();
    if (event.persisted && signedIn && outdated(true, then, read())) document.body.hidden = true;
    nudge();
  });
  for (const type of ["focus", "popstate", "storage"]) addEventListener(type, nudge);
  document.addEventListener("visibilitychange", nudge);
  /** @type {any} */ (globalThis).cookieStore?.addEventListener?.("change", nudge);
}

let pressing = false;

/** Does it now, or once the finger is off the button and the click has been told.
 * @param {() => void} act */
function afterPress(act) {
  if (pressing) addEventListener("pointerup", () => setTimeout(act), { once: true });
  else act();
}

/** @param {HTMLInputElement} input */
function check(input) {
  const { least, most, ...says } = input.dataset;
  const rules = {
    required: input.required,
    least: Number(least ?? 0),
    most: Number(most ?? Infinity),
    pattern: input.pattern,
    email: input.type === "email",
  };
  const rule = broken(input.value, rules);
  const error = document.getElementById(`${input.id}-error`);
  const text = (rule && says[rule]) ?? "";
  if (error && error.textContent !== text) {
    if (text) error.setAttribute("role", "alert");
    else error.removeAttribute("role");
    error.textContent = text;
  }
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  return !text;
}

/** Takes over from the browser's own bubbles: messages beside the fields, as the server writes them.
 * @param {HTMLFormElement} form */
function checkInline(form) {
  const inputs = [...form.querySelectorAll("input")].filter((input) => input.type !== "hidden");
  if (inputs.length === 0) return;
  form.noValidate = true;
  for (const input of inputs) {
    input.title = ""; // Only the bubble needed it.
    input.addEventListener("blur", () => {
      // A message moves what is below it: not while somebody is pressing a button there.
      if (input.value !== input.defaultValue) afterPress(() => check(input));
    });
    input.addEventListener("input", () => {
      if (input.hasAttribute("aria-invalid")) check(input);
    });
  }
  form.addEventListener("submit", (event) => {
    const wrong = inputs.filter((input) => !check(input));
    if (wrong.length === 0) return;
    event.preventDefault();
    wrong[0].focus();
  });
}

/** Sends a form once, however often its button is pressed.
 * @param {HTMLFormElement} form */
function sendOnce(form) {
  const sending = lately(Date.now, 15_000);
  const button = form.querySelector("button:not([type=button])");
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (sending.is()) return event.preventDefault();
    sending.begin();
    leaving.begin();
    button?.setAttribute("aria-disabled", "true");
    setTimeout(free, 15_000);
  });
  const free = () => {
    sending.end();
    button?.removeAttribute("aria-disabled");
  };
  addEventListener("pageshow", free);
}

/** @param {HTMLInputElement} input */
function revealable(input) {
  const button = document.createElement("button");
  const show = (/** @type {boolean} */ shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.type = "button";
  button.className = "show";
  button.textContent = "Show";
  button.setAttribute("aria-label", "Show characters");
  button.addEventListener("click", () => show(input.type === "password"));
  // Browsers remember what is sent from a text field.
  input.form?.addEventListener("submit", () => show(false));
  addEventListener("pagehide", () => show(false));
  show(false);
  input.after(button);
}

function start() {
  addEventListener("pointerdown", () => (pressing = true), true);
  for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => (pressing = false), true);
  addEventListener("beforeunload", leaving.begin);
  watchSession();
  for (const form of document.forms) {
    checkInline(form);
    sendOnce(form);
  }
  for (const input of document.querySelectorAll("input")) {
    if (input.type === "password") revealable(input);
  }
  for (const time of document.querySelectorAll("time")) {
    const text = local(time.dateTime);
    if (!text) continue;
    time.title = time.textContent ?? "";
    time.textContent = text;
  }
}

if (typeof document !== "undefined") start();
