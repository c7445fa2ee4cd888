import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { fieldsOf } from "../../src/endpoints/fields.ts";
import { endpoints } from "../../src/endpoints/index.ts";
import { bodies } from "../conformance/near-valid.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

/** Requests to each endpoint of each driver: 3,600 in all. */
const REQUESTS = 400;

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
beforeAll(async () => {
  gateway = await startGateway({ config });
});
afterAll(async () => {
  await gateway.stop();
});

const refusal = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1).max(2000),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

const post = (path: string, body: string) =>
  fetch(gateway.address + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });

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
  states.parse(await (await fetch(`${gateway.address}/admin/models/${model}`)).json()).placements;

describe.each(["fake", "llama-cpp", "onnx"])("on %s", (model) => {
  test.each(surfaces)(
    "whatever is sent to $path is answered, or refused in OpenAI's shape by a field's name",
    async ({ path, body, short, fields }) => {
      let answered = 0;
      const requests = bodies({ model, ...body }, fields, short);
      await fc.assert(
        fc.asyncProperty(requests, async (request) => {
          const answer = await post(path, request);
          const told = objects(answer.headers.get("content-type") ?? "", await answer.text());
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
      expect(await placementsOf(model)).toEqual([
        { state: "ready", slots: { busy: 0 }, queued_requests: 0, restarts: 0 },
      ]);
    },
    600_000,
  );
});
