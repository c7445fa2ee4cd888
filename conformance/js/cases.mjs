// What the suites of this folder share: cases that tell of themselves, and a server that fails first.

import { createServer, request } from "node:http";

export const expect = (holds, what) => {
  if (!holds) throw new Error(`expected ${what}`);
};

/** Runs cases one after the other; each tells a line of JSON. */
export async function runCases(cases) {
  for (const [name, run] of Object.entries(cases)) {
    let told = { name, outcome: "passed" };
    try {
      await run();
    } catch (error) {
      told = { name, outcome: "failed", detail: String(error?.message ?? error).slice(0, 300) };
    }
    console.log(JSON.stringify(told));
  }
}

/** A server that answers so many requests with a status, and passes all others on; `use` gets its address and what was seen. */
export async function serving(base, { times, status, headers }, use) {
  const seen = [];
  const server = createServer((incoming, outgoing) => {
    seen.push(incoming.headers);
    if (seen.length <= times) {
      outgoing.writeHead(status, { "content-type": "application/json", ...headers });
      outgoing.end('{"error":{"message":"later","type":"rate_limit_error","param":null,"code":"slow_down"}}');
      return;
    }
    const onward = request(new URL(base).origin + incoming.url, {
      method: incoming.method,
      headers: incoming.headers,
    });
    onward.once("response", (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await listening(server);
  try {
    await use(`http://127.0.0.1:${server.address().port}/v1`, seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A port that nothing listens on. */
export async function closedPort() {
  const server = createServer();
  await listening(server);
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
