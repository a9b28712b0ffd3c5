// Answers which path Node's URL sees, which is what Next.js goes by, and whether it is below /dashboard.
// Prints its port, and ends when its standard input does.

import { createServer } from "node:http";

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://here");
  if (url.host !== "here") return response.writeHead(400).end("another host");
  let path;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return response.writeHead(400).end("no path");
  }
  const isDashboard = path === "/dashboard" || path.startsWith("/dashboard/");
  response.end(`${isDashboard ? "dashboard" : "elsewhere"}\n${path}`);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
