import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test, vi } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { embeddedModel } from "../../golden-data.ts";
import { driverFixture } from "../local/driver-fixture.ts";

const { loadContext, removeCache } = driverFixture(openai);

let reads = 0;
const held: ServerResponse[] = [];

/** A vLLM that holds every answer back, and cannot tell its metrics the first time. */
const engine = createServer((request, response) => {
  if (request.url === "/v1/models") {
    const data = [{ id: "m", object: "model", owned_by: "vllm", created: 1, max_model_len: 512 }];
    response.setHeader("content-type", "application/json").end(JSON.stringify({ object: "list", data }));
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
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
  removeCache();
});

test("an engine's metrics are read while every connection for requests is in use, and again after a failed read", async () => {
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const { port } = engine.address() as AddressInfo;
  const options = {
    api_base: `http://127.0.0.1:${port}/v1`,
    tokenizer: embeddedModel,
    parallel: 1,
    metrics: { interval: 0.1 },
  };
  const model = await openai.bind(options).load(loadContext(), new AbortController().signal);
  const abort = new AbortController();
  const answer = model
    .generate(
      {
        prompt: [5],
        choices: 1,
        maxTokens: 4,
        sampling: { ...NEUTRAL, temperature: 0, logitBias: [], seed: null },
        stopTokens: [],
        stopStrings: [],
        logprobs: null,
        promptLogprobs: null,
        ...ORDINARY,
      },
      abort.signal,
    )
    .next();
  answer.catch(() => undefined);
  await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 10_000 });
  await vi.waitFor(() => expect(model.status().engineWaiting).toBe(3), { timeout: 10_000 });
  abort.abort(new Error("enough"));
  await expect(answer).rejects.toThrow("enough");
  await model.close();
});
