"use client";

import { useRouter } from "next/navigation";
import { startTransition } from "react";

/** Shown in place of a page that could not be made, as when the API is down. */
export default function Failed({ reset }: { error: Error; reset: () => void }) {
  const router = useRouter();
  // What failed was rendered on the server: it is asked for again, and then shown.
  const again = () =>
    startTransition(() => {
      router.refresh();
      reset();
    });
  return (
    <div className="lead">
      <h1>We&apos;ll be right back</h1>
      <p className="intro">
        A service behind this page isn&apos;t answering. It&apos;s not your fault, and <strong>you&apos;re still signed in</strong>.
      </p>
      <p className="actions">
        <button className="button" onClick={again}>
          Try again
        </button>
      </p>
    </div>
  );
}
