import Link from "next/link";

import { CreateAccount } from "./account";

export default function Home() {
  return (
    <div className="lead">
      <h1>An app with its sign-in left out</h1>
      <p className="intro">
        This is the brief&apos;s app, finished: people register, sign in, change their profile, and are signed in all
        week. <strong>No token, no refresh and no cookie is handled in its code.</strong>
      </p>
      <p className="actions">
        <Link className="button" href="/dashboard">
          Open the dashboard
        </Link>
        <CreateAccount />
      </p>
      <div className="points">
        <div>
          <h2>A protected page is a page</h2>
          <p>It asks who is there, in one line. Visitors are sent to sign in before it is rendered, and come back to it.</p>
        </div>
        <div>
          <h2>Calls just work</h2>
          <p>Server components, actions and the browser call the API. The token that is sent with it is always a live one.</p>
        </div>
        <div>
          <h2>Signed out means everywhere</h2>
          <p>Other tabs notice by themselves, Back shows nothing, and a copied cookie opens nothing any more.</p>
        </div>
      </div>
    </div>
  );
}
