import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { fieldsOf } from "../../src/endpoints/fields.ts";
import { endpoints } from "../../src/endpoints/index.ts";
import { bodies } from "../conformance/near-valid.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

/** Requests to each endpoint of each driver: 4,800 in all. */
const REQUESTS = 400;
/** Of so many requests, one is abandoned. */
const ABANDONED = 5;
/** Until then an abandoned request goes on, in milliseconds: from before it is read to behind its end. */
const PATIENCE = 25;

const config = `
version: 1
models:
  fake: { template: dolly-v2, placements: [{ driver: fake }] }
  llama-cpp: { max_logprobs: 20, placements: [{ driver: llama-cpp, model: ${embeddedModel}, type: f32 }] }
  onnx: { placements: [{ driver: onnx, model: ${embeddedModel}, type: f32 }] }
`;

const plainBodies: Readonly<Record<string, { body: object; short: object }>> = {
  "/v1/chat/completions": { body: { messages: [{ role: "user", content: "Hi" }] }, short: { max_tokens: 3 } },
  "/v1/completions": { body: { prompt: "Hi" }, short: { max_tokens: 3 } },
  "/v1/responses": { body: { input: "Hi" }, short: { max_output_tokens: 3 } },
};

const surfaces = Object.entries(plainBodies).map(([path, parts]) => {
  const endpoint = endpoints.find((one) => one.path === path && one.method === "post");
  return { path, ...parts, fields: fieldsOf(endpoint ?? { body: null }) };
});

let gateway: RunningGateway;
/** A gateway whose only engine is the other one. */
let before: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config });
  const placement = `{ driver: openai, api_base: "${gateway.address}/v1", model: llama-cpp, tokenizer: ${embeddedModel} }`;
  before = await startGateway({
    config: `version: 1\nmodels:\n  upstream: { placements: [${placement}] }\n`,
  });
});
afterAll(async () => {
  await before.stop();
  await gateway.stop();
});

const serving = (model: string): RunningGateway => (model === "upstream" ? before : gateway);

const refusal = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1).max(2000),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

/** The answer and its text; undefined where it was abandoned before its end. `patience`: when, in milliseconds. */
async function post(url: string, body: string, patience: number | null) {
  const signal = patience === null ? null : AbortSignal.timeout(patience);
  try {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body, signal });
    return { answer, text: await answer.text() };
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/** The objects of a stream's frames, or of an answer. */
function objects(type: string, text: string): Record<string, unknown>[] {
  if (!type.startsWith("text/event-stream")) return [JSON.parse(text)];
  const frames = text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]");
  return frames.map((line) => JSON.parse(line.slice("data: ".length)));
}

const states = z.object({
  placements: z.array(
    z.object({
      state: z.string(),
      slots: z.object({ busy: z.number() }),
      queued_requests: z.number(),
      restarts: z.number(),
    }),
  ),
});

const placementsOf = async (model: string) =>
  states.parse(await (await fetch(`${serving(model).address}/admin/models/${model}`)).json()).placements;

/** Every slot free and nobody waiting, once what was abandoned has ended. */
const isFree = (model: string) =>
  expect
    .poll(() => placementsOf(model), { timeout: 10_000 })
    .toEqual([{ state: "ready", slots: { busy: 0 }, queued_requests: 0, restarts: 0 }]);

describe.each(["fake", "llama-cpp", "onnx", "upstream"])("on %s", (model) => {
  test.each(surfaces)(
    "whatever is sent to $path is answered, or refused in OpenAI's shape by a field's name",
    async ({ path, body, short, fields }) => {
      let answered = 0;
      let abandoned = 0;
      const requests = bodies({ model, ...body }, fields, short);
      const patiences = fc.oneof(
        { weight: ABANDONED - 1, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.nat(PATIENCE) },
      );
      await fc.assert(
        fc.asyncProperty(requests, patiences, async (request, patience) => {
          const whole = await post(serving(model).address + path, request, patience);
          if (whole === undefined) {
            abandoned += 1;
            return;
          }
          const { answer, text } = whole;
          const told = objects(answer.headers.get("content-type") ?? "", text);
          if (answer.status === 200) {
            answered += 1;
            for (const one of told) expect(one["error"] ?? null).toBeNull();
            return;
          }
          expect([400, 404]).toContain(answer.status);
          const { error } = refusal.parse(told[0]);
          if (error.code === "invalid_json") return;
          expect(fields.some(({ name }) => error.param?.startsWith(name))).toBe(true);
        }),
        { numRuns: REQUESTS, seed: 6 },
      );
      expect(answered).toBeGreaterThan(REQUESTS / 20);
      expect(abandoned).toBeGreaterThan(0);
      await isFree(model);
      if (model === "upstream") await isFree("llama-cpp");
      expect(serving(model).process.exitCode).toBeNull();
    },
    600_000,
  );
});
