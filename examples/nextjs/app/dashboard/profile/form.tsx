"use client";

import { useActionState } from "react";

import { Field, Trouble } from "../../field";
import { type Saved, saveProfile } from "./actions";

/** Works without JavaScript too: Next.js then posts the form and renders the page again with the state. */
export function ProfileForm({ name, email }: { name: string; email: string }) {
  const [state, save, pending] = useActionState<Saved, FormData>(saveProfile, { typed: { name, email } });
  const { typed, fields = {} } = state;
  return (
    <form action={save} className="pairs">
      {state.done && (
        <div className="notice good" role="status">
          <p>Your profile is saved.</p>
        </div>
      )}
      <Trouble>{state.trouble}</Trouble>
      <Field name="name" label="Name" autoComplete="name" required defaultValue={typed.name} error={fields.name} />
      <Field
        name="email"
        label="E-mail"
        type="email"
        autoComplete="email"
        required
        defaultValue={typed.email}
        error={fields.email}
      />
      <p className="actions">
        <button className="button" aria-disabled={pending}>
          Save changes
        </button>
      </p>
    </form>
  );
}
