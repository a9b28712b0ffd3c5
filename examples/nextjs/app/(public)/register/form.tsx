"use client";

import { useSignUp } from "@vestibule/next/client";

import { Field, Trouble } from "../../field";
import { sentence } from "../../words";

/** Without JavaScript the browser posts to Vestibule, which leads on or answers with its own page. */
export function RegisterForm({ next }: { next?: string }) {
  const { form, pending, error, fields } = useSignUp();
  return (
    <>
      <Trouble>{error && sentence(error)}</Trouble>
      <form {...form}>
        {next && <input type="hidden" name="next" value={next} />}
        <Field name="name" label="Name" autoComplete="name" required error={fields.name} />
        <Field
          name="username"
          label="Username"
          hint="2 to 20 lowercase letters or digits."
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          error={fields.username}
        />
        <Field name="email" label="E-mail" type="email" autoComplete="email" required error={fields.email} />
        <Field
          name="password"
          label="Password"
          hint="At least 8 characters. A few words in a row are strong and easy to remember."
          type="password"
          autoComplete="new-password"
          minLength={8}
          required
          error={fields.password}
        />
        <button className="button wide" aria-disabled={pending}>
          Create account
        </button>
      </form>
    </>
  );
}
