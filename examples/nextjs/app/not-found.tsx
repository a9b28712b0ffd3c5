import Link from "next/link";

import { Frame } from "./frame";

export const metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <Frame account={<Link href="/login">Sign in</Link>}>
      <div className="lead">
        <p className="code">404</p>
        <h1>There&apos;s no page here</h1>
        <p className="intro">The address may be mistyped, or the page has moved.</p>
        <p className="actions">
          <Link className="button" href="/">
            Front page
          </Link>
        </p>
      </div>
    </Frame>
  );
}
