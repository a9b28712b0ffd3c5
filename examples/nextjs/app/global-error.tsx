"use client";

import "./style.css";

/** Shown when even the layout could not be made. */
export default function Failed() {
  return (
    <html lang="en">
      <body>
        <main className="lead">
          <title>We&apos;ll be right back</title>
          <h1>We&apos;ll be right back</h1>
          <p className="intro">A service behind this site isn&apos;t answering. It&apos;s not your fault.</p>
          <p className="actions">
            <a className="button" href="">
              Try again
            </a>
          </p>
        </main>
      </body>
    </html>
  );
}
