import Link from "next/link";
import type { ReactNode } from "react";

/** A page's header, `account` at its right, and footer. */
export function Frame({ account, width, children }: { account: ReactNode; width?: "split"; children: ReactNode }) {
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <Link className="brand" href="/">
          <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
            <path className="m1" d="M2 31V15a14 14 0 0 1 28 0v16z" />
            <path className="m2" d="M7 31V16a9 9 0 0 1 18 0v15z" />
            <path className="m3" d="M12 31V17a4 4 0 0 1 8 0v14z" />
          </svg>
          Next.js example
        </Link>
        <nav aria-label="Account">{account}</nav>
      </header>
      <main id="main" tabIndex={-1} className={width}>
        {children}
      </main>
      <footer className="foot">
        <p>A Next.js app behind Vestibule.</p>
      </footer>
    </>
  );
}

/** A form, so that it works without JavaScript, and a post, so that no link or image can do it. */
export function SignOut() {
  return (
    <form method="post" action="/logout">
      <button className="quiet">Sign out</button>
    </form>
  );
}
