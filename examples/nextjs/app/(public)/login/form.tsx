"use client";

import { useSignIn } from "@vestibule/next/client";

import { Field, Trouble } from "../../field";
import { sentence } from "../../words";

/** Without JavaScript the browser posts to Vestibule, which leads on or answers with its own page. */
export function LoginForm({ next, username }: { next?: string; username?: string }) {
  const { form, pending, error, fields } = useSignIn();
  return (
    <>
      <Trouble>{error && sentence(error)}</Trouble>
      <form {...form}>
        {next && <input type="hidden" name="next" value={next} />}
        <Field
          name="username"
          label="Username or e-mail"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          defaultValue={username}
          error={fields.username ?? fields.email}
        />
        <Field
          name="password"
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          error={fields.password}
        />
        <button className="button wide" aria-disabled={pending}>
          Sign in
        </button>
      </form>
    </>
  );
}
