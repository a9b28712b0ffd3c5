/**
 * Names on the wire between browser, app and gateway.
 * @module
 */

/** Who is signed in, as a signed token that lives a minute. */
export const IDENTITY = "x-vestibule-identity";

/** What server code shows the gateway to act for the visitor. */
export const TICKET = "x-vestibule-session";

/** Path and query of the request, as the browser sent them. */
export const PATH = "x-vestibule-path";

/** What shows the gateway that it is this app's proxy that asks. */
export const KEY = "x-vestibule-key";

/** From the proxy to the render: the session cookie, which is kept out of `Cookie`. */
export const COOKIE = "x-vestibule-cookie";

/** From the proxy to the render: who is signed in could not be found out. */
export const OUTAGE = "x-vestibule-outage";

/** Headers that only the gateway or the proxy may set begin so. */
export const OURS = "x-vestibule-";

/** The session cookie, over https and over http. */
export const SESSION_COOKIES = ["__Host-Http-vestibule", "vestibule"] as const;

/** The cookie that scripts may read: it changes when the session does, and says nothing else. */
export const HINT_COOKIES = ["__Host-vestibule_hint", "vestibule_hint"] as const;

/** What {@link signOut} sets the hint to, for the rest of the request: Next.js forgets an empty cookie when it renders the
 * page that an action leads to. Behind the gateway it never reaches a browser. */
export const ENDED = "ended";

/** Paths, each with what is below it, that the gateway answers in every shape. */
export const AT_THE_GATEWAY = ["/api/auth", "/api/v1", "/_vestibule", "/logout"] as const;

/** Pages of the gateway that an app may replace. */
export const ENTRANCES = ["/login", "/register"] as const;
