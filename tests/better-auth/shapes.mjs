// @ts-check
/**
 * What Better Auth answers again and again, as outcomes describe it.
 * @module
 */

/** @typedef {import("./stage.mjs").Person} Person */

/** A user with a username. @param {Person} person */
export const user = ({ name, email, username }, more = {}) => ({
  id: "string",
  name,
  email,
  emailVerified: false,
  image: null,
  createdAt: "now",
  updatedAt: "now",
  username,
  displayUsername: username,
  ...more,
});

/** A session that has just begun in one of the browsers at `address`. @param {string} address */
export const session = (address, more = {}) => ({
  id: "string",
  token: "string",
  userId: "string",
  expiresAt: "in 7 days",
  createdAt: "now",
  updatedAt: "now",
  ipAddress: address,
  userAgent: "a browser",
  ...more,
});

/** What signing up answers. @param {Person} person */
export const signedUp = (person, more = {}) => ({ token: "string", user: user(person, more) });

/** What signing in answers. @param {Person} person */
export const signedIn = (person, more = {}) => ({ redirect: false, token: "string", user: user(person), ...more });

/** What `getSession` answers. @param {Person} person @param {string} address */
export const both = (person, address, ofUser = {}, ofSession = {}) => ({ session: session(address, ofSession), user: user(person, ofUser) });
