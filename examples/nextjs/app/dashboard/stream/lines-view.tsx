"use client";

import { useState } from "react";

/** Reads the stream and shows each line as it comes. */
export function Lines() {
  const [text, setText] = useState("");
  const [running, setRunning] = useState(false);

  async function read() {
    setText("");
    setRunning(true);
    try {
      const response = await fetch("/dashboard/stream/lines");
      if (!response.ok || !response.body) throw new Error(`${response.status}`);
      for await (const part of response.body.pipeThrough(new TextDecoderStream())) setText((before) => before + part);
    } catch {
      setText((before) => `${before}The stream broke off.`);
    } finally {
      setRunning(false);
    }
  }

  return (
    <>
      <p className="actions">
        <button className="button" onClick={read} disabled={running}>
          Read five lines
        </button>
      </p>
      <pre aria-live="polite" aria-label="Lines">
        {text}
      </pre>
    </>
  );
}
