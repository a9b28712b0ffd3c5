// @ts-check
/**
 * Where Vestibule is known to differ from Better Auth, and why: whatever is not here fails, and so does what is here and is not so.
 * docs/compatibility.md shows the reasons as its notes.
 * @module
 */

/** What the newest Better Auth answers at the same place. */
export const AS_NEWEST = Symbol("as the newest");

/** Of text: any that is like this one. Of no call in particular: every one. */
export const ANY = /./s;

/**
 * The call, the case, the path of the difference (outcome.mjs), and what Vestibule has there. A note is on the versions that it names, or on all;
 * and on what is before one API, or before both.
 * @typedef {readonly [call: string | RegExp, what: string | RegExp, at: string | RegExp, ours: unknown]} Place
 * @typedef {{ reason: string, api?: import("./columns.mjs").Column["api"], versions?: readonly import("./versions.mjs").Version[], places: readonly Place[] }} Note
 */

/** @type {Note[]} */
export const NOTES = [
  {
    reason: "`displayUsername` is always the username: the API keeps one spelling of it",
    places: [
      ["signUp.email", "with capitals", "data.user.displayUsername", /^ada\d+$/],
      ["signUp.email", "with a name of its own for show", "data.user.displayUsername", /^cai\d+$/],
    ],
  },
  {
    reason: "`displayUsername` follows a new username",
    versions: ["1.6", "1.7"],
    api: "own",
    places: [["getSession", "after a new username", "data.user.displayUsername", /^newada\d+$/]],
  },
  {
    reason: "Who signs up without a username is given one, made of the address: the API knows nobody without",
    places: [[/./, "without a username", /user\.(displayU|u)sername$/, /^ada\d+$/]],
  },
  {
    reason: "A username has at most 20 characters, `a`-`z` and `0`-`9`: the API's rule; Better Auth takes 30, and `_` and `.` among them",
    places: [
      ["signUp.email", "username with a full stop", "answer", "400 INVALID_USERNAME"],
      ["signUp.email", "username with an underscore", "answer", "400 INVALID_USERNAME"],
      ["signUp.email", "username of 21 letters", "answer", "400 USERNAME_TOO_LONG"],
    ],
  },
  {
    reason: "A name has 2 to 30 characters, an image is an address, and an e-mail address one that mail can be sent to: the API's rules",
    places: [
      ["signUp.email", "name of one letter", "answer", "400 VALIDATION_ERROR"],
      ["signUp.email", "name of 31 letters", "answer", "400 VALIDATION_ERROR"],
      ["signUp.email", "empty name", "answer", "400 VALIDATION_ERROR"],
      ["signUp.email", "address too long for mail", "answer", "400 VALIDATION_ERROR"],
      [/^(signUp.email|updateUser)$/, "image that is no address", "answer", "400 VALIDATION_ERROR"],
      ["updateUser", /^(name that is a number|no name|empty name)$/, "answer", "400 VALIDATION_ERROR"],
    ],
  },
  {
    reason: "If both address and username are taken, it is the address that is named",
    places: [["signUp.email", "both taken", /^(status|code|message)$/, ANY]],
  },
  {
    reason: "Whoever signs in in place of somebody else ends that session",
    places: [["signIn.email", "in place of somebody else: whom the cookie of before signs in", "data", "nobody"]],
  },
  {
    reason: "A session that is not to be remembered lives 12 hours instead of a day",
    places: [["getSession", /^not to be remembered/, "data.session.expiresAt", "in 12 hours"]],
  },
  {
    reason: "A new password always ends the other sessions; the session that changed it goes on as it is, instead of being replaced",
    api: "own",
    places: [
      ["changePassword", "the other device, unasked", "data", "signed out"],
      ["changePassword", "with revokeOtherSessions: whom the cookie of before signs in", "data", /^ada/],
    ],
  },
  {
    reason: "A username that was given up is kept back for its owner for half an hour, as long as tokens may carry it",
    api: "own",
    places: [["isUsernameAvailable", "one that was given up", "data.available", false]],
  },
  {
    reason: "`signIn.username` is asked where it comes from, like `signIn.email`: another site can't sign anybody in",
    places: [
      ["other sites", "signIn.username without a cookie: another site", "answer", "403 INVALID_ORIGIN"],
      ["other sites", "signIn.username without a cookie: another site's script", "answer", "403 INVALID_ORIGIN"],
      ["other sites", "signIn.username without a cookie: none, and a Referer of another", "answer", "403 INVALID_ORIGIN"],
      ["other sites", "signIn.username without a cookie: another site's form", "answer", "403 CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"],
    ],
  },
  {
    reason: "Beside a cookie, a `Referer` of the site stands in for a missing `Origin` only if the browser says `Sec-Fetch-Site: same-origin`, too",
    places: [["other sites", "with a cookie: none, but a Referer of the site", "answer", "403 MISSING_OR_NULL_ORIGIN"]],
  },
  {
    reason: "`Origin: null` is always refused",
    versions: ["1.7"],
    places: [["other sites", "with a cookie: null of the same origin", "answer", "403 MISSING_OR_NULL_ORIGIN"]],
  },
  {
    reason: "Whoever asks too often is told when to come back in `Retry-After`, too",
    api: "own",
    places: [["signIn.email", "too often: so is Retry-After", "data", true]],
  },
  {
    reason: "A body that does not say what it is is refused for that",
    places: [["signIn.email", "body without a type", /^(status|code|message)$/, ANY]],
  },
  {
    reason: "This API has no call for a new password",
    api: "fastapi",
    places: [
      ["changePassword", "wrong password", /^(code|message)$/, /^C/],
      ["changePassword", /^(right|with revokeOtherSessions|to what it was)$/, "answer", "400 CREDENTIAL_ACCOUNT_NOT_FOUND"],
      ["changePassword", "afterwards the old one", "data", "yes"],
      ["changePassword", "afterwards the new one", "data", "no"],
      ["changePassword", "with revokeOtherSessions: whom the cookie of before signs in", "data", /^ada/],
    ],
  },
  {
    reason: "This API keeps no sessions: the list shows the one that asks, and on other devices none can be ended but by signing out there",
    api: "fastapi",
    places: [
      ["listSessions", "two devices", "data.1", "absent"],
      ["listSessions", /^(nobody else's|each is another)$/, "data", 1],
      ["listSessions", "getSession's is one of them", /^data\.[01]$/, false],
      [/^(listSessions|updateUser|changeEmail|listAccounts|revokeSession)$/, "of a session that was ended", "answer", "200"],
      ["changePassword", "of a session that was ended", /^(status|code|message)$/, /^(400|C.*)$/],
      ["deleteUser", "of a session that was ended", /^(status|code|message)$/, /^(400|I.*)$/],
      ["revokeOtherSessions", /^(signed in|when there is none)$/, "answer", "400 FAILED_TO_GET_SESSION"],
      ["revokeOtherSessions", "the others", /^data\.[01]$/, /^signed in as ada/],
      ["revokeSessions", "signed in", "answer", "400 FAILED_TO_GET_SESSION"],
      ["revokeSessions", "all devices", /^data\.[01]$/, /^signed in as ada/],
      ["useSession", "after ending all sessions", "data", /^ada/],
    ],
  },
  {
    reason: "Tokens of this API carry the username: a new one signs out, here and on other devices",
    api: "fastapi",
    places: [
      ["getSession", "after a new username", "data", null],
      ["updateUser", "username: the other device", "data", "signed out"],
      ["updateUser", /^username(: one's own again| in capitals)$/, "answer", "401 UNAUTHORIZED"],
    ],
  },
  {
    reason: "This API does not count wrong passwords",
    api: "fastapi",
    places: [
      ["signIn.email", "too often", /^(status|code|message)$/, ANY],
      ["signIn.email", "too often: X-Retry-After is a number of seconds", "data", false],
    ],
  },
  {
    reason: "1.4 makes codes of the words of its messages, and gives a 401 none; Vestibule sends those of the newest version",
    versions: ["1.4"],
    places: [[ANY, ANY, /^(code|message)$/, AS_NEWEST]],
  },
  {
    reason: "Before 1.6 `signIn.username` did not answer `redirect` and `url`",
    versions: ["1.4", "1.5"],
    places: [[/^(signIn.username|other sites)$/, ANY, /^data\.(redirect|url)$/, AS_NEWEST]],
  },
  {
    reason: "Before 1.6 a taken username was given away again: by `signUp.email` in other capitals, by `updateUser` even as it is",
    versions: ["1.4", "1.5"],
    places: [
      ["signUp.email", "taken username, in capitals", "answer", AS_NEWEST],
      ["updateUser", "taken username", "answer", AS_NEWEST],
    ],
  },
  {
    reason: "Before 1.6 a body that is no JSON was the server's fault, and caches could keep a session",
    versions: ["1.4", "1.5"],
    places: [
      ["signIn.email", /^body: (half of|no) JSON$/, /^(status|code|message)$/, AS_NEWEST],
      ["getSession", "nobody keeps the answer", "data", AS_NEWEST],
    ],
  },
  {
    reason: "Before 1.6 `signIn.email` without a cookie was asked where it comes from only if a browser said so",
    versions: ["1.4", "1.5"],
    places: [["other sites", /^signIn.email without a cookie/, "answer", AS_NEWEST]],
  },
  {
    reason: "Before 1.7 the calls for accounts at other providers had other errors",
    versions: ["1.4", "1.5", "1.6"],
    places: [[/^(getAccessToken|refreshToken|unlinkAccount)$/, ANY, /^(code|message)$/, AS_NEWEST]],
  },
  {
    reason: "1.4 does not have `updateSession`, and `getSession` by POST",
    versions: ["1.4"],
    places: [
      ["updateSession", ANY, "status", AS_NEWEST],
      ["getSession", "by POST", "status", AS_NEWEST],
    ],
  },
  {
    reason: "1.4 tells that a new address is taken",
    versions: ["1.4"],
    places: [["changeEmail", "taken address", "answer", AS_NEWEST]],
  },
  {
    reason: "1.4 writes the error in the link's query in small letters",
    versions: ["1.4"],
    places: [["verifyEmail", "a link that is not good", "data.1", AS_NEWEST]],
  },
];
