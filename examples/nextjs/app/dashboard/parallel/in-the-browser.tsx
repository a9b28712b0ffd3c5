"use client";

import { useState } from "react";

/** Browser code calls the API at the site's own address, by plain `fetch`. */
async function username() {
  const response = await fetch("/api/v1/user/me");
  return response.ok ? ((await response.json()) as { username: string }).username : `${response.status}`;
}

export function InTheBrowser() {
  const [names, setNames] = useState<string[]>([]);
  const ask = async () => setNames(await Promise.all(Array.from({ length: 10 }, username)));
  return (
    <>
      <p className="actions">
        <button className="button" onClick={ask}>
          Ask ten times
        </button>
      </p>
      <ul className="names" aria-label="In the browser">
        {names.map((name, index) => (
          <li key={index}>{name}</li>
        ))}
      </ul>
    </>
  );
}
