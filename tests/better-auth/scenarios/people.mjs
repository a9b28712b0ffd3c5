// @ts-check
/**
 * What scenarios do on their way to what they are about.
 * @module
 */

/**
 * @typedef {import("../stage.mjs").Stage} Stage
 * @typedef {import("../stage.mjs").Person} Person
 * @typedef {ReturnType<Stage["device"]>} Device
 */

/** A new account, signed in on a device of its own.
 * @param {Stage} stage
 * @param {string} first */
export async function enrolled(stage, first) {
  const [person, device] = [stage.person(first), stage.device()];
  must(await device.client.signUp.email(person));
  return { person, ...device };
}

/** Another device that the person signs in on. If that is not possible, what is asked of the device says so.
 * @param {Stage} stage
 * @param {Person} person */
export async function anotherDevice(stage, { username, password }) {
  const device = stage.device();
  await device.client.signIn.username({ username, password });
  return device;
}

/** Whether a device is signed in, in words. @param {Device} device */
export async function standing({ client }) {
  const { data, error } = await client.getSession();
  if (error) return `error ${error.status}`;
  return data === null ? "signed out" : `signed in as ${data.user.username}`;
}

/** Whom a copy of a browser's cookies signs in. @param {Stage} stage @param {{ cookie?: string }} copy */
export async function copySignsIn(stage, copy) {
  const session = await (await stage.device().browser.send("GET", "/api/auth/get-session", copy)).json();
  return session === null ? "nobody" : session.user.username;
}

/** Whether these words open the account: as a name of a person and a password. @param {Stage} stage @param {string} username @param {string} password */
export async function opens(stage, username, password) {
  const { error } = await stage.device().client.signIn.username({ username, password });
  return error ? "no" : "yes";
}

/** @param {{ error: null | { status: number, code?: string, message?: string } }} result */
function must({ error }) {
  if (error) throw new Error(`the scenario could not begin: ${error.status} ${error.code} ${error.message}`);
}
