import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

/** Ids of Dolly's tokenizer: " word", " and". */
const TOKENS = [3159, 285];

/** An engine like vLLM, whose answers the test writes. */
class Engine {
  readonly #server: Server;
  /** Answers that were begun. */
  readonly asked: ServerResponse[] = [];
  /** Those whose reader left before their end. */
  aborted = 0;
  answer: (response: ServerResponse) => void = (response) => this.whole(response);

  constructor() {
    this.#server = createServer((request, response) => {
      if (request.method === "GET") {
        const data = [{ id: "m", object: "model", owned_by: "vllm", created: 1, max_model_len: 512 }];
        response.setHeader("content-type", "application/json").end(JSON.stringify({ object: "list", data }));
        return;
      }
      this.asked.push(response);
      response.once("close", () => {
        if (!response.writableFinished) this.aborted += 1;
      });
      request.resume().on("end", () => this.answer(response));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/v1`;
  }

  token(response: ServerResponse, at: number, finish: string | null = null): void {
    const choice = { index: 0, text: "", token_ids: [TOKENS[at % 2]], finish_reason: finish };
    response.write(`data: ${JSON.stringify({ choices: [choice] })}\n\n`);
  }

  whole(response: ServerResponse, from = 0): void {
    response.setHeader("content-type", "text/event-stream");
    this.rest(response, from);
  }

  rest(response: ServerResponse, from: number): void {
    for (let at = from; at < 4; at += 1) this.token(response, at, at === 3 ? "length" : null);
    response.end("data: [DONE]\n\n");
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const [slow, quick] = [new Engine(), new Engine()];
let gateway: RunningGateway;
beforeAll(async () => {
  const placements = await Promise.all(
    [slow, quick].map(
      async (engine) => `{ driver: openai, engine: vllm, api_base: "${await engine.listen()}" }`,
    ),
  );
  gateway = await startGateway({
    config: `version: 1
router_settings: { hedging_delay: 0.2, health_check_interval: 0 }
models:
  m: { template: dolly-v2, preload: true, placements: [${placements.join(", ")}] }
`,
  });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([slow.close(), quick.close()]);
});

async function ask(stream = false) {
  const client = new OpenAI({ baseURL: `${gateway.address}/v1`, apiKey: "unused", maxRetries: 0 });
  const body = { model: "m", max_tokens: 4, messages: [{ role: "user" as const, content: "hello" }] };
  if (!stream) {
    const { data, response } = await client.chat.completions.create(body).withResponse();
    const [choice] = data.choices;
    return {
      text: choice?.message.content,
      usage: data.usage,
      attempts: response.headers.get("x-gateway-attempts"),
    };
  }
  const { data, response } = await client.chat.completions
    .create({ ...body, stream: true, stream_options: { include_usage: true } })
    .withResponse();
  let text = "";
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of data) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage;
  }
  return { text, usage, attempts: response.headers.get("x-gateway-attempts") };
}
async function measured(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.address}/metrics`)).text();
  const values = text.split("\n").filter((line) => line.startsWith(name));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

test.each([false, true])(
  "the slow one loses and is aborted; nothing is doubled or billed twice (stream: %s)",
  async (stream) => {
    const counters = [
      "dolly_generated_tokens_total",
      "dolly_prompt_tokens_total",
      "dolly_hedged_generations_total",
    ];
    const before = await Promise.all(counters.map(measured));
    const aborted = slow.aborted;
    slow.answer = (response) => {
      // It is there, and gives no token.
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    };
    const answer = await ask(stream);
    expect(answer).toMatchObject({
      text: "word and word and",
      attempts: "m/0;outpaced, m/1;hedge",
      usage: { completion_tokens: 4 },
    });
    await expect.poll(() => slow.aborted).toBe(aborted + 1);
    const after = await Promise.all(counters.map(measured));
    const [generated = 0, prompt = 0, hedged = 0] = after.map((value, at) => value - (before[at] ?? 0));
    expect({ generated, prompt, hedged }).toEqual({
      generated: 4,
      prompt: answer.usage?.prompt_tokens,
      hedged: 1,
    });
  },
);

test("once a token has come, however slow the rest is, nobody else is asked", async () => {
  const asked = quick.asked.length;
  slow.answer = (response) => {
    response.setHeader("content-type", "text/event-stream");
    slow.token(response, 0);
    setTimeout(() => slow.rest(response, 1), 600);
  };
  expect(await ask(true)).toMatchObject({ text: "word and word and", attempts: "m/0" });
  expect(quick.asked.length).toBe(asked);
});

test("one that comes first after all answers, and the second is aborted", async () => {
  const { aborted } = quick;
  slow.answer = (response) => void setTimeout(() => slow.whole(response), 500);
  quick.answer = () => undefined;
  expect(await ask()).toMatchObject({ text: "word and word and", attempts: "m/1;hedge;outpaced, m/0" });
  await expect.poll(() => quick.aborted).toBe(aborted + 1);
  quick.answer = (response) => quick.whole(response);
});

test("the retry budget bounds it: ten in reserve, and then one for ten requests", async () => {
  slow.answer = (response) => void setTimeout(() => slow.whole(response), 400);
  const asked = quick.asked.length;
  await Promise.all(Array.from({ length: 40 }, () => ask()));
  const joined = quick.asked.length - asked;
  expect(joined).toBeGreaterThan(3);
  expect(joined).toBeLessThanOrEqual(14);
});
