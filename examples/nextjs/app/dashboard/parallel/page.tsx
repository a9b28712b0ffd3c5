import { api } from "@vestibule/next/server";

import type { User } from "../user";
import { InTheBrowser } from "./in-the-browser";

export const metadata = { title: "Parallel" };

/** Ten calls at once on the server, and ten in the browser. However many, the session is refreshed once. */
export default async function Parallel() {
  const users = await Promise.all(Array.from({ length: 10 }, () => api.get<User>("/user/me")));
  return (
    <div className="pile">
      <section className="card" aria-labelledby="server">
        <h1 id="server">Ten calls at once, on the server</h1>
        <ul className="names" aria-label="On the server">
          {users.map((user, index) => (
            <li key={index}>{user.username}</li>
          ))}
        </ul>
      </section>
      <section className="card" aria-labelledby="browser">
        <h2 id="browser">Ten calls at once, in the browser</h2>
        <InTheBrowser />
      </section>
    </div>
  );
}
