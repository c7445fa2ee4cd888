import fc from "fast-check";
import { expect, test } from "vitest";
import { fieldsOf } from "../../src/endpoints/fields.ts";
import { endpoints } from "../../src/endpoints/index.ts";
import { chatBody, runningServer } from "../http/running-server.ts";
import { badValues } from "./bad-values.ts";

/** Requests of each endpoint; 10,000 in all. */
const REQUESTS = 3334;

const bodies: Readonly<Record<string, object>> = {
  "/v1/chat/completions": chatBody({ max_tokens: 3 }),
  "/v1/completions": { model: "dolly-v2-3b", prompt: "a", max_tokens: 3 },
  "/v1/responses": { model: "dolly-v2-3b", input: "a", max_output_tokens: 3 },
};

const value = fc.oneof(
  fc.constantFrom(...badValues.map((one) => one.value), true, [[]], [""], [1, 2], [[1], [2]], { "5": 1 }),
  fc.jsonValue({ maxDepth: 3 }),
);

test.each(Object.entries(bodies))(
  "whatever is sent to %s is answered with a 200, or a 4xx in OpenAI's shape that names the field; nothing is left running",
  async (path, body) => {
    const { post, services } = await runningServer();
    const names = fieldsOf(endpoints.find((one) => one.path === path) ?? { body: null }).map(
      ({ name }) => name,
    );
    const changes = fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1, maxKeys: 5 });
    await fc.assert(
      fc.asyncProperty(changes, async (more) => {
        const answer = await post(path, { ...body, ...more });
        const text = await answer.text();
        if (answer.status === 200) return;
        expect([400, 404]).toContain(answer.status);
        const { error } = JSON.parse(text);
        expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
        expect(error.message).not.toBe("");
        expect(names.some((name) => String(error.param).startsWith(name))).toBe(true);
      }),
      { numRuns: REQUESTS, seed: 6 },
    );
    expect(services.running).toBe(0);
    expect((await post(path, body)).status).toBe(200);
  },
  60_000,
);
