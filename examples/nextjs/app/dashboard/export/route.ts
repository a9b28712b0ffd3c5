import { api } from "@vestibule/next/server";

import type { User } from "../user";

/** `GET /dashboard/export`: the account as a file. */
export async function GET() {
  const user = await api.get<User>("/user/me");
  return Response.json(user, {
    headers: {
      "content-disposition": `attachment; filename="${user.username}.json"`,
      "cache-control": "private, no-store",
    },
  });
}
