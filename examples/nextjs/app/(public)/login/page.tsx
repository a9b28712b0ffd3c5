import Link from "next/link";

import { type Query, first } from "../query";
import { LoginForm } from "./form";

export const metadata = { title: "Sign in" };

const NOTICES: Record<string, string> = {
  registered: "Your account is ready. Sign in.",
  "signed-out": "You're signed out.",
};

/** Whoever is signed in already is led on by Vestibule, and `next` was made by it: it can't lead to another site. */
export default async function Login({ searchParams }: { searchParams: Query }) {
  const { next, notice, username } = await searchParams;
  const place = first(next);
  const news = NOTICES[first(notice) ?? ""];
  return (
    <div className="sheet">
      <h1>Sign in</h1>
      {news && (
        <div className="notice good" role="status">
          <p>{news}</p>
        </div>
      )}
      <LoginForm next={place} username={first(username)} />
      <p className="aside">
        New here? <Link href={place ? `/register?next=${encodeURIComponent(place)}` : "/register"}>Create an account</Link>
      </p>
    </div>
  );
}
