import { api } from "@vestibule/next/server";
import { setTimeout } from "node:timers/promises";

import type { User } from "../../user";

/** `GET /dashboard/stream/lines`: five lines of text, half a second apart. */
export async function GET() {
  const { name } = await api.get<User>("/user/me");
  const encoder = new TextEncoder();
  let line = 0;
  const lines = new ReadableStream({
    async pull(controller) {
      if (line > 0) await setTimeout(500);
      controller.enqueue(encoder.encode(`Line ${++line} for ${name}\n`));
      if (line === 5) controller.close();
    },
  });
  return new Response(lines, {
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "private, no-store" },
  });
}
