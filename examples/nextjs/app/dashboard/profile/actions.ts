"use server";

import { VestibuleError, api, requireSession } from "@vestibule/next/server";
import { revalidatePath } from "next/cache";
import { redirect } from "next/navigation";

import { sentence } from "../../words";

/** What the form shows after it was sent: what was typed, and what was refused about it. */
export interface Saved {
  typed: { name: string; email: string };
  done?: boolean;
  trouble?: string;
  fields?: Record<string, string>;
}

/** Saves name and e-mail address of whoever is signed in. */
export async function saveProfile(_before: Saved, form: FormData): Promise<Saved> {
  const { user } = await requireSession();
  const typed = { name: text(form, "name"), email: text(form, "email") };
  try {
    await api.patch(`/user/${user.username}`, typed);
  } catch (error) {
    if (!(error instanceof VestibuleError)) throw error;
    // Ended from another device: Vestibule makes sure, takes the cookie away, and asks to sign in.
    if (error.code === "SIGNED_OUT") redirect("/api/auth/expired?next=/dashboard/profile");
    return { typed, fields: error.fields, trouble: sentence(error) };
  }
  revalidatePath("/dashboard", "layout");
  return { typed, done: true };
}

function text(form: FormData, name: string) {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}
