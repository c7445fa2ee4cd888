import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { llamaServerCommand, MODEL, type ServedModel, startServer } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const QUESTION = "How many NBA basketball teams are in California?";

/**
 * Milliseconds from `npm start` to the first text of an answer of the embedded model, which is converted where the
 * cache folder lacks it: call it once before, so that the cache is warm.
 */
export async function gatewayStartup(cache: string): Promise<number> {
  const begun = performance.now();
  const server = await startServer({
    program: "npm",
    args: ["start", "--", "--port", String(await freePort())],
    env: { DOLLY_CACHE: cache },
    ready: /listens on http/,
  });
  const base = /http:\S+/.exec(server.line)?.[0] ?? "";
  const chat = { model: "dolly-v2-tiny", messages: [{ role: "user", content: QUESTION }] };
  return firstText(begun, base, "/v1/chat/completions", chat).finally(server.stop);
}

/** The model file that `gatewayStartup` has left in its cache folder. */
export async function convertedModel(cache: string): Promise<string> {
  const files = await readdir(cache, { recursive: true });
  const file = files.find((name) => name.endsWith(".gguf"));
  if (file === undefined) throw new Error(`${cache} holds no converted model`);
  return join(cache, file);
}

/** The same for llama-server, which loads its model before it listens. */
export async function llamaServerStartup(folder: string, model: ServedModel): Promise<number> {
  const begun = performance.now();
  const port = await freePort();
  const server = await startServer(llamaServerCommand(folder, model, port));
  const body = { model: MODEL, prompt: QUESTION };
  return firstText(begun, `http://127.0.0.1:${port}`, "/v1/completions", body).finally(server.stop);
}

async function firstText(begun: number, base: string, path: string, body: object): Promise<number> {
  const client = new StreamClient(base, { keepAlive: false });
  try {
    const sent = performance.now();
    const { firstTextMs } = await client.stream(path, { ...body, temperature: 0, max_tokens: 8 });
    return sent - begun + firstTextMs;
  } finally {
    client.close();
  }
}
