"use client";

import { useActionState } from "react";

import { Field } from "../../field";
import { receive } from "./actions";

/** Sends a file to a Server Action. */
export function UploadForm() {
  const [received, send, pending] = useActionState(receive, null);
  return (
    <form action={send}>
      <Field name="file" label="File" type="file" required />
      <p className="actions">
        <button className="button" aria-disabled={pending}>
          Send
        </button>
      </p>
      {received && (
        <dl className="facts" role="status">
          <div>
            <dt>File</dt>
            <dd>
              <bdi>{received.name}</bdi>, {received.bytes} bytes
            </dd>
          </div>
          <div>
            <dt>SHA-256</dt>
            <dd>
              <code>{received.sha256}</code>
            </dd>
          </div>
        </dl>
      )}
    </form>
  );
}
