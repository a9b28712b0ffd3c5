"use client";

/** Shown in place of a page that could not be made, as when the API is down. */
export default function Failed({ reset }: { error: Error; reset: () => void }) {
  return (
    <div className="lead">
      <h1>We&apos;ll be right back</h1>
      <p className="intro">
        A service behind this page isn&apos;t answering. It&apos;s not your fault, and <strong>you&apos;re still signed in</strong>.
      </p>
      <p className="actions">
        <button className="button" onClick={() => reset()}>
          Try again
        </button>
      </p>
    </div>
  );
}
