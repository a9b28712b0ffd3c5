import { SessionSync } from "@vestibule/next/client";
import type { ReactNode } from "react";

import { Frame } from "../frame";
import { Account } from "./account";

/** Pages for everybody. They are static: who is visiting is found out in the browser. `SessionSync` has a tab notice what another one
 * did with the session. */
export default function PublicLayout({ children }: { children: ReactNode }) {
  return (
    <Frame account={<Account />} width="split">
      {children}
      <div className="hall">
        <img src="/hall.svg" alt="" width="480" height="720" />
      </div>
      <SessionSync />
    </Frame>
  );
}
