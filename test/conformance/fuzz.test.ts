import fc from "fast-check";
import { expect, test } from "vitest";
import { chatRules, completionRules } from "../../src/endpoints/parameter-rules.ts";
import { chatBody, runningServer } from "../http/running-server.ts";

const honoured = [
  "model",
  "messages",
  "prompt",
  "documents",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "seed",
  "stop",
  "n",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "logprobs",
  "top_logprobs",
  "echo",
  "best_of",
];
const names = [...honoured, ...Object.keys(chatRules.refused), ...completionRules.accepted];

const edges = [
  0,
  1,
  -1,
  1.5,
  1e308,
  -9007199254740991,
  2 ** 53,
  "",
  "a",
  "\ud800",
  "\u0000",
  "### End",
  null,
];
const value = fc.oneof(
  fc.constantFrom<unknown>(...edges, true, false, [], {}, [[]], [""], [1, 2], [[1], [2]], { "5": 1 }),
  fc.jsonValue({ maxDepth: 3 }),
);
const changes = fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1, maxKeys: 4 });

test.each([
  ["/v1/chat/completions", chatBody({ max_tokens: 3 })],
  ["/v1/completions", { model: "dolly-v2-3b", prompt: "a", max_tokens: 3 }],
])(
  "whatever is sent to %s is answered with a 200, or a 4xx in OpenAI's shape that names the field",
  async (path, body) => {
    const { post, services } = await runningServer();
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
      { numRuns: 150 },
    );
    expect(services.running).toBe(0);
  },
);
