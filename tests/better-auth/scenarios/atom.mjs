// @ts-check
import { scenario, within } from "../stage.mjs";
import { enrolled } from "./people.mjs";

/** @typedef {import("../versions.mjs").Client["useSession"]} Atom */

/** Keeps the atom alive, as a mounted component does. @param {Atom} atom */
function mounted(atom) {
  const unmount = atom.listen(() => {});
  const user = () => atom.get().data?.user.username ?? "nobody";
  /** Waits until the atom is settled. @param {(state: ReturnType<Atom["get"]>) => boolean} holds */
  const settles = (holds) => within(() => !atom.get().isPending && !atom.get().isRefetching && holds(atom.get()));
  return { unmount, user, settles };
}

/** @type {import("../stage.mjs").Scenario[]} */
export const atom = [
  scenario("a page that shows who is signed in", async (stage) => {
    const [ada, { client }] = [stage.person("ada"), stage.device()];
    const { unmount, user, settles } = mounted(client.useSession);
    stage.find("useSession", "settles when nobody is signed in", await settles(({ data, error }) => data === null && error === null), true);
    await client.signUp.email(ada);
    await settles(({ data }) => data !== null);
    stage.find("useSession", "after signing up", user() === ada.username, true);
    await client.updateUser({ name: "Ada King" });
    stage.find("useSession", "after a new name", await settles(({ data }) => data?.user.name === "Ada King"), true);
    await client.signOut();
    await settles(({ data }) => data === null);
    stage.find("useSession", "after signing out", user(), "nobody");
    await client.signIn.email(ada);
    await settles(({ data }) => data !== null);
    stage.find("useSession", "after signing in with an address", user() === ada.username, true);
    await client.signOut();
    await settles(({ data }) => data === null);
    await client.signIn.username(ada);
    await settles(({ data }) => data !== null);
    stage.find("useSession", "after signing in with a username", user() === ada.username, true);
    const { error } = await client.revokeSessions();
    if (!error) await settles(({ data }) => data === null);
    stage.find("useSession", "after ending all sessions", user(), "nobody");
    unmount();
  }),

  scenario("a page whose server can't be reached", async (stage) => {
    const { person: ada, client, browser } = await enrolled(stage, "ada");
    const atom = client.useSession;
    const { unmount, user, settles } = mounted(atom);
    await settles(({ data }) => data !== null);
    stage.find("useSession", "signed in", user() === ada.username, true);
    const kept = ada.username;
    browser.cutOff(() => Response.json({ message: "no" }, { status: 503 }));
    await atom.get().refetch();
    stage.find("useSession", "after a 503", [user(), atom.get().error?.status], [kept, 503]);
    browser.cutOff(() => {
      throw new TypeError("fetch failed");
    });
    await atom.get().refetch();
    stage.find("useSession", "without a network", [user(), atom.get().error === null], [kept, false]);
    browser.cutOff(undefined);
    await atom.get().refetch();
    stage.find("useSession", "when it is back", [user(), atom.get().error], [ada.username, null]);
    unmount();
  }),

  scenario("a page whose account is deleted", async (stage) => {
    const { person: ada, client } = await enrolled(stage, "ada");
    const { unmount, user, settles } = mounted(client.useSession);
    await settles(({ data }) => data !== null);
    await client.deleteUser({ password: ada.password });
    await settles(({ data }) => data === null);
    stage.find("useSession", "after deleting the account", user(), "nobody");
    unmount();
  }),
];
