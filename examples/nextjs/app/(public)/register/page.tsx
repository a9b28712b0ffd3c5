import Link from "next/link";

import { type Query, first } from "../query";
import { RegisterForm } from "./form";

export const metadata = { title: "Create account" };

export default async function Register({ searchParams }: { searchParams: Query }) {
  const { next } = await searchParams;
  const place = first(next);
  return (
    <div className="sheet">
      <h1>Create your account</h1>
      <RegisterForm next={place} />
      <p className="aside">
        Have an account already?{" "}
        <Link href={place ? `/login?next=${encodeURIComponent(place)}` : "/login"}>Sign in</Link>
      </p>
    </div>
  );
}
