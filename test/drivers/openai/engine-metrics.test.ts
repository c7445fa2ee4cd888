import { createServer, type ServerResponse } from "node:http";
import { afterAll, expect, test, vi } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { driverFixture } from "../local/driver-fixture.ts";
import { closeEngine, MODELS, modelOf, REQUEST } from "./stand-in.ts";

const { loadContext, removeCache } = driverFixture(openai);

let reads = 0;
const held: ServerResponse[] = [];

/** A vLLM that holds every answer back, and cannot tell its metrics the first time. */
const engine = createServer((request, response) => {
  if (request.url === "/v1/models") {
    response.setHeader("content-type", "application/json").end(MODELS);
  } else if (request.url === "/metrics") {
    reads += 1;
    if (reads === 1) response.writeHead(503).end();
    else response.end('vllm:num_requests_waiting{engine="0"} 3\n');
  } else if (request.method === "POST") {
    held.push(response);
    request.resume();
  } else {
    response.writeHead(404).end();
  }
});

afterAll(async () => {
  await closeEngine(engine);
  removeCache();
});

test("an engine's metrics are read while every connection for requests is in use, and again after a failed read", async () => {
  const model = await modelOf(engine, loadContext(), { metrics: { interval: 0.1 } });
  const abort = new AbortController();
  const answer = model.generate(REQUEST, abort.signal).next();
  answer.catch(() => undefined);
  await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 10_000 });
  await vi.waitFor(() => expect(model.status().engineWaiting).toBe(3), { timeout: 10_000 });
  abort.abort(new Error("enough"));
  await expect(answer).rejects.toThrow("enough");
  await model.close();
});
