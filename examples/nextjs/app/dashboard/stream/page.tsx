import { api } from "@vestibule/next/server";
import { Suspense } from "react";
import { setTimeout } from "node:timers/promises";

import { Lines } from "./lines-view";

export const metadata = { title: "Stream" };

interface SessionList {
  data: { id: string; user_agent: string; current: boolean }[];
}

export default function Stream() {
  return (
    <div className="pile">
      <section className="card" aria-labelledby="late">
        <h1 id="late">A part that comes later</h1>
        <p>The page is there at once. What takes long is sent after it, in the same answer.</p>
        <Suspense fallback={<p className="wait">Looking up where you&apos;re signed in …</p>}>
          <Sessions />
        </Suspense>
      </section>
      <section className="card" aria-labelledby="lines">
        <h2 id="lines">A stream of lines</h2>
        <Lines />
      </section>
    </div>
  );
}

/** Two seconds stand for a slow question. */
async function Sessions() {
  await setTimeout(2000);
  const { data } = await api.get<SessionList>("/user/me/sessions");
  return <p>{data.length === 1 ? "You're signed in here, and nowhere else." : `You're signed in at ${data.length} places.`}</p>;
}
