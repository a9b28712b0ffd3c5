import Link from "next/link";

import { LoginForm } from "./form";

export const metadata = { title: "Sign in" };

const NOTICES: Record<string, string> = {
  registered: "Your account is ready. Sign in.",
  "signed-out": "You're signed out.",
};

/** Whoever is signed in already is led on by Vestibule, and `next` was made by it: it can't lead to another site. */
export default async function Login({ searchParams }: PageProps<"/login">) {
  const { next, notice, username } = await searchParams;
  const place = one(next);
  return (
    <div className="sheet">
      <h1>Sign in</h1>
      {NOTICES[one(notice) ?? ""] && (
        <div className="notice good" role="status">
          <p>{NOTICES[one(notice) ?? ""]}</p>
        </div>
      )}
      <LoginForm next={place} username={one(username)} />
      <p className="aside">
        New here? <Link href={place ? `/register?next=${encodeURIComponent(place)}` : "/register"}>Create an account</Link>
      </p>
    </div>
  );
}

function one(value: string | string[] | undefined) {
  return Array.isArray(value) ? value[0] : value;
}
