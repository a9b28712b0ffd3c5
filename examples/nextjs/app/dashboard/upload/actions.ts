"use server";

import { requireSession } from "@vestibule/next/server";
import { createHash } from "node:crypto";

/** What is known of a file that was sent. */
export interface Received {
  name: string;
  bytes: number;
  sha256: string;
}

/** Takes a file, and tells what arrived. Nothing is kept. */
export async function receive(_before: Received | null, form: FormData): Promise<Received | null> {
  await requireSession();
  const file = form.get("file");
  if (!(file instanceof File) || file.size === 0) return null;
  const hash = createHash("sha256");
  for await (const part of file.stream()) hash.update(part);
  return { name: file.name, bytes: file.size, sha256: hash.digest("hex") };
}
