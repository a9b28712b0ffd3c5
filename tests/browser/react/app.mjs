// @ts-check
/**
 * A page as people write one with Better Auth's React client: nothing in it knows of Vestibule.
 * @module
 */
import { createAuthClient } from "better-auth/react";
import { usernameClient } from "better-auth/client/plugins";
import { createElement as e, useState } from "react";
import { createRoot } from "react-dom/client";

const authClient = createAuthClient({ plugins: [usernameClient()] });

function App() {
  const { data, isPending, error } = authClient.useSession();
  return e(
    "main",
    null,
    e("p", { role: "status" }, error ? `Trouble: ${error.status}` : isPending ? "Loading" : "Ready"),
    data ? e(Account, { user: data.user }) : e(SignIn),
  );
}

/** @param {{ user: { name: string, email: string } }} props */
function Account({ user }) {
  return e(
    "section",
    null,
    e("h1", null, user.name),
    e("p", null, user.email),
    e("button", { onClick: () => authClient.signOut() }, "Sign out"),
    e("button", { onClick: () => authClient.updateUser({ name: "Countess Lovelace" }) }, "Rename"),
    e("button", { onClick: () => authClient.getSession() }, "Ask"),
  );
}

function SignIn() {
  const [refusal, setRefusal] = useState("");
  const submit = async (/** @type {import("react").FormEvent<HTMLFormElement>} */ event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { error } = await authClient.signIn.username({
      username: String(form.get("username")),
      password: String(form.get("password")),
    });
    setRefusal(error?.message ?? "");
  };
  return e(
    "form",
    { onSubmit: submit },
    e("h1", null, "Sign in"),
    e("label", null, "Username", e("input", { name: "username" })),
    e("label", null, "Password", e("input", { name: "password", type: "password" })),
    e("button", null, "Sign in"),
    e("p", { role: "alert" }, refusal),
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(e(App));
