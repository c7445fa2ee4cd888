import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { embeddedModel } from "../../golden-data.ts";
import { driverFixture } from "../local/driver-fixture.ts";

const { loadContext, removeCache } = driverFixture(openai);

/** An engine whose whole answer arrives in one piece. */
const engine = createServer((request, response) => {
  if (request.url === "/v1/models") {
    const data = [{ id: "m", object: "model", owned_by: "vllm", created: 1, max_model_len: 512 }];
    response.setHeader("content-type", "application/json").end(JSON.stringify({ object: "list", data }));
    return;
  }
  const frame = (ids: readonly number[], finish: string | null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, text: "", token_ids: ids, finish_reason: finish }] })}\n\n`;
  const tokens = [20, 21, 22, 23].map((id) => frame([id], null)).join("");
  response.setHeader("content-type", "text/event-stream");
  request.resume().on("end", () => response.end(`${tokens}${frame([], "length")}data: [DONE]\n\n`));
});

afterAll(async () => {
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
  removeCache();
});

test("an abort ends a stream of which more has arrived than was read", async () => {
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const { port } = engine.address() as AddressInfo;
  const options = { api_base: `http://127.0.0.1:${port}/v1`, tokenizer: embeddedModel, parallel: 1 };
  const model = await openai.bind(options).load(loadContext(), new AbortController().signal);
  const request = {
    prompt: [5],
    choices: 1,
    maxTokens: 4,
    sampling: { ...NEUTRAL, temperature: 0, logitBias: [], seed: null },
    stopTokens: [],
    stopStrings: [],
    logprobs: null,
    promptLogprobs: null,
    ...ORDINARY,
  };
  const abort = new AbortController();
  const reason = new Error("enough");
  const stream = model.generate(request, abort.signal);
  expect(await stream.next()).toMatchObject({ value: { type: "start" } });
  expect(await stream.next()).toMatchObject({ value: { type: "token" } });
  abort.abort(reason);
  await expect(stream.next()).rejects.toBe(reason);
  expect(model.status().busySlots).toBe(0);
  const whole = [];
  for await (const event of model.generate(request, new AbortController().signal)) whole.push(event.type);
  expect(whole).toEqual(["start", "token", "token", "token", "token", "finish"]);
  await model.close();
});
