import { expect, test } from "vitest";
import { runningServer } from "../http/running-server.ts";

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const chat = { model: "dolly-v2-3b", messages: [{ role: "user", content: "Hello" }] };
const prompt = { model: "dolly-v2-3b", prompt: "Hello" };
const schema = { type: "object", properties: { a: { type: "integer" } } };
const named = (rest: object) => ({
  response_format: { type: "json_schema", json_schema: { name: "answer", ...rest } },
});

test.each([
  [CHAT, chat, {}, undefined],
  [CHAT, chat, { response_format: { type: "text" } }, undefined],
  [
    CHAT,
    chat,
    { response_format: { type: "json_object" }, stop: [] },
    { type: "json_schema", param: "response_format", schema: { type: "object" }, ordered: false },
  ],
  [
    CHAT,
    chat,
    named({ schema }),
    { type: "json_schema", param: "response_format.json_schema.schema", schema, ordered: false },
  ],
  [
    CHAT,
    chat,
    named({ schema, strict: true }),
    { type: "json_schema", param: "response_format.json_schema.schema", schema, ordered: true },
  ],
  [
    CHAT,
    chat,
    named({ strict: null }),
    {
      type: "json_schema",
      param: "response_format.json_schema.schema",
      schema: { type: "object" },
      ordered: false,
    },
  ],
  [
    CHAT,
    chat,
    { structured_outputs: { regex: "a+" } },
    { type: "regex", param: "structured_outputs.regex", pattern: "a+" },
  ],
  [
    COMPLETIONS,
    prompt,
    { structured_outputs: { choice: ["a", "b"] } },
    { type: "choice", param: "structured_outputs.choice", choices: ["a", "b"] },
  ],
  [
    COMPLETIONS,
    prompt,
    { structured_outputs: { grammar: "root ::= x" } },
    { type: "grammar", param: "structured_outputs.grammar", grammar: "root ::= x" },
  ],
  [
    COMPLETIONS,
    prompt,
    { structured_outputs: { json: JSON.stringify(schema) } },
    { type: "json_schema", param: "structured_outputs.json", schema, ordered: false },
  ],
  [
    COMPLETIONS,
    prompt,
    { structured_outputs: { json_object: true, regex: null } },
    {
      type: "json_schema",
      param: "structured_outputs.json_object",
      schema: { type: "object" },
      ordered: false,
    },
  ],
])("%s: the model is asked for what the request asks for", async (path, body, more, constraint) => {
  const { post, services } = await runningServer();
  expect((await post(path, { ...body, ...more })).status).toBe(200);
  expect(services.requests[0]?.constraint).toEqual(constraint);
});

test("what only chat has is refused on completions", async () => {
  const { post } = await runningServer();
  const answer = await post(COMPLETIONS, { ...prompt, response_format: { type: "json_object" } });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: { param: "response_format", code: "unsupported_parameter" },
  });
});
