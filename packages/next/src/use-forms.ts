"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";

import type { VestibuleError } from "./errors.js";
import { SIGN_OUT, type Submission, destination, signInFrom, signUpFrom, submit } from "./submit.js";

/** A form that the gateway takes, with JavaScript and without. */
export interface GatewayForm {
  /** To be spread: `<form {...form}>`. Without JavaScript the browser posts to the gateway, which answers with a page. */
  form: {
    action: string;
    method: "post";
    onSubmit: (event: FormEvent<HTMLFormElement>) => void;
  };
  /** Sent, and not refused yet. Stays true until the next page is there. */
  pending: boolean;
  /** Why it was refused. What is about a field is in `fields` too. */
  error: VestibuleError | null;
  /** What was refused about each field. */
  fields: Record<string, string>;
}

/** Where a form leads. */
export interface FormOptions {
  /** A path on this site. A field `next` of the form goes before it. */
  next?: string;
}

/** A sign-in form with the fields `username`, `password` and, if you like, a hidden `next` and a checkbox `remember`; before
 * the checkbox goes a hidden `remember` with the value `off`. Leads to `next`, by default `/dashboard`. */
export function useSignIn({ next = "/dashboard" }: FormOptions = {}): GatewayForm {
  return useForm("/login", next, signInFrom);
}

/** A form for a new account with the fields `name`, `username`, `email` and `password`. Leads to `next`, by default
 * `/dashboard`, signed in. */
export function useSignUp({ next = "/dashboard" }: FormOptions = {}): GatewayForm {
  return useForm("/register", next, signUpFrom);
}

/** A form of nothing but a button. Leads to `next`, by default `/login`. */
export function useSignOut({ next = "/login" }: FormOptions = {}): GatewayForm {
  return useForm("/logout", next, () => SIGN_OUT);
}

function useForm(action: string, next: string, read: (data: FormData) => Submission): GatewayForm {
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<VestibuleError | null>(null);
  const isSent = useRef(false);
  const settle = (refused: VestibuleError | null) => {
    isSent.current = false;
    setPending(false);
    setError(refused);
  };
  // Whoever comes back finds the form as it was left.
  useEffect(() => {
    const shown = (event: PageTransitionEvent) => event.persisted && settle(null);
    window.addEventListener("pageshow", shown);
    return () => window.removeEventListener("pageshow", shown);
  }, []);
  const send = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const refused = await submit(read(data), fetch);
    if (refused) return settle(refused);
    const wish = data.get("next");
    // A new document: what the router remembers is of before.
    window.location.assign(destination([typeof wish === "string" ? wish : null, next], window.location.origin));
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isSent.current) return;
    isSent.current = true;
    setPending(true);
    setError(null);
    void send(event.currentTarget);
  };
  return { form: { action, method: "post", onSubmit }, pending, error, fields: error?.fields ?? {} };
}
