import { api } from "@vestibule/next/server";
import { setTimeout } from "node:timers/promises";

import type { User } from "../../user";

/** `GET /dashboard/stream/lines`: five lines of text, half a second apart. */
export async function GET() {
  const { name } = await api.get<User>("/user/me");
  const lines = ReadableStream.from(linesFor(name)).pipeThrough(new TextEncoderStream());
  return new Response(lines, {
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "private, no-store" },
  });
}

async function* linesFor(name: string) {
  for (let line = 1; line <= 5; line++) {
    yield `Line ${line} for ${name}\n`;
    await setTimeout(500);
  }
}
