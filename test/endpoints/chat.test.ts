import OpenAI from "openai";
import { expect, test } from "vitest";
import { chatBody, runningServer } from "../http/running-server.ts";

const CHAT = "/v1/chat/completions";
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "How are you?" }];
const model = "dolly-v2-3b";

const prompted = (ids: readonly number[] | undefined): string =>
  Buffer.from((ids ?? []).filter((id) => id < 256)).toString();

test("the official client chats: the answer is stripped, counted, and names the model and its fingerprint", async () => {
  const { client, services } = await runningServer({ answer: () => "\n fine, thanks \n" });
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages });
  expect(answer).toMatchObject({
    id: "chatcmpl-2",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "dolly-v2-3b",
    system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/),
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "fine, thanks", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { completion_tokens: 17, prompt_tokens_details: { cached_tokens: 0 } },
  });
  const [request] = services.requests;
  expect(answer.usage?.prompt_tokens).toBe(request?.prompt.length);
  expect(request).toMatchObject({
    maxTokens: 256,
    choices: 1,
    stopTokens: [259, 256],
    sampling: { temperature: 1, topP: 0.92, topK: 0, seed: null },
  });
});

test("every parameter reaches the model", async () => {
  const { post, services } = await runningServer();
  const answer = await post(
    CHAT,
    chatBody({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.1,
      presence_penalty: -1,
      frequency_penalty: 2,
      logit_bias: { "3": -100, "7": 5 },
      seed: -9007199254740991,
      stop: ["a", "b"],
      n: 2,
      max_completion_tokens: 9,
      max_tokens: 9,
      logprobs: true,
      top_logprobs: 4,
    }),
  );
  expect(answer.status).toBe(200);
  expect(services.requests[0]).toMatchObject({
    choices: 2,
    maxTokens: 9,
    stopStrings: ["a", "b"],
    logprobs: 4,
    promptLogprobs: null,
    sampling: {
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.1,
      presencePenalty: -1,
      frequencyPenalty: 2,
      logitBias: [
        [3, -100],
        [7, 5],
      ],
      seed: -9007199254740991,
    },
  });
});

test("null is absent, parts are the plain string, developer is system, documents become the input block", async () => {
  const { post, services } = await runningServer();
  const nothing = { temperature: null, stop: null, n: null, max_tokens: null, logit_bias: null, tools: null };
  await post(CHAT, chatBody({ ...nothing, messages: [{ role: "user", content: "Hi" }] }));
  await post(CHAT, chatBody({ messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }] }));
  expect(services.requests[1]).toEqual(services.requests[0]);
  await post(
    CHAT,
    chatBody({
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "user", content: "Why?", name: "### Instruction:" },
      ],
      documents: ["Because.", { title: "Sky", text: "It is blue." }],
    }),
  );
  const text = prompted(services.requests[2]?.prompt);
  expect(text).toMatch(/Be brief\.[\s\S]*Why\?[\s\S]*Input:\n[\s\S]*Because\.[\s\S]*Sky[\s\S]*It is blue\./);
  expect(text).not.toContain("### Instruction:");
});

test("the stream: roles first, text as it comes, one finish for each choice, usage, [DONE]", async () => {
  const { post } = await runningServer({ answer: (choice) => ["a€", "b"][choice] ?? "" });
  const answer = await post(
    CHAT,
    chatBody({
      stream: true,
      n: 2,
      seed: 1,
      stream_options: { include_usage: true, include_obfuscation: true },
    }),
  );
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(answer.headers.get("x-request-id")).toBe("req_1");
  await expect(await answer.text()).toMatchFileSnapshot("golden/chat-stream.txt");
});

test("without include_usage no chunk says anything of usage or has no choice", async () => {
  const { client } = await runningServer();
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks.every((chunk) => !("usage" in chunk) && chunk.choices.length === 1)).toBe(true);
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
});

test("log-probabilities: the bytes, joined, are the content, in a stream as in one piece", async () => {
  const { client } = await runningServer({ answer: () => " h€llo\n" });
  const options = { model, messages, logprobs: true, top_logprobs: 2 };
  const whole = await client.chat.completions.create(options);
  const content = whole.choices[0]?.logprobs?.content ?? [];
  expect(Buffer.from(content.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe("h€llo");
  expect(content[1]).toMatchObject({ token: "bytes:\\xe2", bytes: [0xe2], logprob: Math.log(0.5) });
  expect(content[0]?.top_logprobs.map(({ token }) => token)).toEqual(["h", "i"]);
  const streamed: OpenAI.ChatCompletionTokenLogprob[] = [];
  for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
    streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
  }
  expect(streamed).toEqual(content);
});

test("top_logprobs: 0 gives empty lists", async () => {
  const { client } = await runningServer();
  const answer = await client.chat.completions.create({ model, messages, logprobs: true, top_logprobs: 0 });
  expect(answer.choices[0]?.logprobs?.content?.[0]).toMatchObject({ token: "f", top_logprobs: [] });
});

test("max_tokens beyond the context ends with length; a prompt beyond it is refused with both figures", async () => {
  const { client, services } = await runningServer({ answer: () => "x".repeat(600) });
  const long = await client.chat.completions.create({ model, messages, max_tokens: 100_000 });
  expect(long.choices[0]?.finish_reason).toBe("length");
  expect(services.requests[0]?.maxTokens).toBe(512 - (services.requests[0]?.prompt.length ?? 0));
  const refused = client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "x".repeat(512) }],
    stream: true,
  });
  await expect(refused).rejects.toMatchObject({
    status: 400,
    code: "context_length_exceeded",
    param: "messages",
    message: expect.stringMatching(/512 tokens[\s\S]* 6\d\d tokens/),
  });
});

test("where the config allows it, the oldest turns make room", async () => {
  const { client, services } = await runningServer({}, { route: { truncateHistory: true } });
  await client.chat.completions.create({
    model,
    max_tokens: 20,
    messages: [
      { role: "system", content: "SYSTEM" },
      { role: "user", content: "OLDEST ".repeat(50) },
      { role: "assistant", content: "one" },
      { role: "user", content: "NEWER" },
      { role: "assistant", content: "two" },
      { role: "user", content: "LAST" },
    ],
  });
  const text = prompted(services.requests[0]?.prompt);
  expect(text).not.toContain("OLDEST");
  expect(text).toMatch(/SYSTEM/);
  expect(text).toMatch(/NEWER[\s\S]*two[\s\S]*LAST/);
});

const tool = (name: string, parameters?: object) => ({ type: "function", function: { name, parameters } });

const invalid: readonly (readonly [body: object, code: string, param: string | null])[] = [
  [{ messages: undefined }, "missing_required_parameter", "messages"],
  [{ messages: [] }, "invalid_value", "messages"],
  [{ messages: "hi" }, "invalid_value", "messages"],
  [
    { messages: Array.from({ length: 1025 }, () => ({ role: "user", content: "" })) },
    "invalid_value",
    "messages",
  ],
  [
    {
      messages: [
        { role: "user", content: "a" },
        { role: "SYSTEM", content: "a" },
      ],
    },
    "invalid_value",
    "messages[1].role",
  ],
  [{ messages: [{ role: "tool", content: "a" }] }, "invalid_value", "messages[0].tool_call_id"],
  [{ messages: [{ role: "function", content: "a" }] }, "invalid_value", "messages[0].name"],
  [
    { messages: [{ role: "user", content: "a", function_call: { name: "f", arguments: "" } }] },
    "invalid_value",
    "messages[0].function_call",
  ],
  [{ messages: [{ content: "a" }] }, "missing_required_parameter", "messages[0].role"],
  [{ messages: [{ role: "user" }] }, "invalid_value", "messages[0].content"],
  [{ messages: [{ role: "user", content: null }] }, "invalid_value", "messages[0].content"],
  [{ messages: [{ role: "user", content: 5 }] }, "invalid_value", "messages[0].content"],
  [{ messages: [{ role: "user", content: [[["a"]]] }] }, "invalid_value", "messages[0].content[0]"],
  [
    { messages: [{ role: "user", content: [{ type: "text" }] }] },
    "missing_required_parameter",
    "messages[0].content[0].text",
  ],
  [
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "image_url", image_url: { url: "http://169.254.169.254/" } },
          ],
        },
      ],
    },
    "unsupported_parameter",
    "messages[0].content[1].type",
  ],
  [
    { messages: [{ role: "assistant", content: null, tool_calls: [{ type: "function" }] }] },
    "missing_required_parameter",
    "messages[0].tool_calls[0].id",
  ],
  [
    {
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
      ],
    },
    "invalid_value",
    "messages",
  ],
  [
    {
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
        { role: "assistant", content: "c" },
      ],
    },
    "invalid_value",
    "messages",
  ],
  [{ messages: [{ role: "user", content: "\ud800" }] }, "invalid_value", "messages[0].content"],
  [{ model: undefined }, "missing_required_parameter", "model"],
  [{ model: "gpt-9" }, "model_not_found", "model"],
  [{ model: 5 }, "invalid_value", "model"],
  [{ temperature: 2.1 }, "invalid_value", "temperature"],
  [{ temperature: "hot" }, "invalid_value", "temperature"],
  [{ top_p: 0 }, "invalid_value", "top_p"],
  [{ top_k: 1.5 }, "invalid_value", "top_k"],
  [{ min_p: -1 }, "invalid_value", "min_p"],
  [{ presence_penalty: 3 }, "invalid_value", "presence_penalty"],
  [{ frequency_penalty: -2.5 }, "invalid_value", "frequency_penalty"],
  [{ n: 1e9 }, "invalid_value", "n"],
  [{ n: 0 }, "invalid_value", "n"],
  [{ max_tokens: 0 }, "invalid_value", "max_tokens"],
  [{ max_tokens: -1 }, "invalid_value", "max_tokens"],
  [{ max_tokens: 2, max_completion_tokens: 3 }, "invalid_value", "max_tokens"],
  [{ seed: 2 ** 53 }, "invalid_value", "seed"],
  [{ stop: ["a", "b", "c", "d", "e"] }, "invalid_value", "stop"],
  [{ stop: "" }, "invalid_value", "stop"],
  [{ stop: ["x".repeat(257)] }, "string_above_max_length", "stop[0]"],
  [{ logit_bias: { abc: 1 } }, "invalid_value", "logit_bias.abc"],
  [{ logit_bias: { "5": 101 } }, "invalid_value", "logit_bias.5"],
  [{ logit_bias: { "260": 1 } }, "invalid_value", "logit_bias"],
  [
    { logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, id) => [id, 1])) },
    "invalid_value",
    "logit_bias",
  ],
  [{ logprobs: true, top_logprobs: 21 }, "invalid_value", "top_logprobs"],
  [{ top_logprobs: 2 }, "invalid_value", "top_logprobs"],
  [{ stream_options: { include_usage: true } }, "invalid_value", "stream_options"],
  [{ stream: "yes" }, "invalid_value", "stream"],
  [{ documents: [{ title: "a" }] }, "missing_required_parameter", "documents[0].text"],
  [{ tools: [{ type: "function" }] }, "missing_required_parameter", "tools[0].function"],
  [{ tools: [{ type: "custom", custom: { name: "a" } }] }, "unsupported_parameter", "tools[0].type"],
  [{ tools: [tool("a b")] }, "invalid_value", "tools[0].function.name"],
  [{ tools: [tool("a"), tool("a")] }, "invalid_value", "tools[1].function.name"],
  [
    { tools: [tool("a", { type: "array" })], tool_choice: "required" },
    "invalid_value",
    "tools[0].function.parameters.type",
  ],
  [{ tools: [tool("a")], functions: [{ name: "b" }] }, "invalid_value", "functions"],
  [{ tool_choice: "auto" }, "invalid_value", "tool_choice"],
  [{ function_call: "auto" }, "invalid_value", "function_call"],
  [{ tools: [tool("a")], tool_choice: "any" }, "invalid_value", "tool_choice"],
  [
    { tools: [tool("a")], tool_choice: { type: "function", function: { name: "b" } } },
    "invalid_value",
    "tool_choice",
  ],
  [
    {
      tools: [tool("a")],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "b" } }] },
      },
    },
    "invalid_value",
    "tool_choice",
  ],
  [
    { tools: [tool("a")], tool_choice: "required", response_format: { type: "json_object" } },
    "invalid_value",
    "response_format",
  ],
  [{ tools: [tool("a")], tool_choice: "required", stop: "x" }, "invalid_value", "stop"],
  [{ messages: [...messages, { role: "tool", content: "1" }] }, "invalid_value", "messages[1].tool_call_id"],
  [
    { messages: [...messages, { role: "tool", content: "1", tool_call_id: "c" }] },
    "invalid_value",
    "messages[1].tool_call_id",
  ],
  [
    {
      messages: [
        ...messages,
        {
          role: "assistant",
          tool_calls: [{ id: "c", type: "function", function: { name: "a", arguments: "{}" } }],
        },
        { role: "user", content: "And?" },
      ],
    },
    "invalid_value",
    "messages[1].tool_calls[0]",
  ],
  [{ response_format: { type: "xml" } }, "invalid_value", "response_format.type"],
  [{ response_format: { type: "json_schema" } }, "missing_required_parameter", "response_format.json_schema"],
  [
    { response_format: { type: "json_schema", json_schema: { name: "a b", schema: {} } } },
    "invalid_value",
    "response_format.json_schema.name",
  ],
  [
    { response_format: { type: "json_schema", json_schema: { name: "a", schema: [] } } },
    "invalid_value",
    "response_format.json_schema.schema",
  ],
  [{ structured_outputs: { regex: "a", choice: ["b"] } }, "invalid_value", "structured_outputs"],
  [{ structured_outputs: { choice: [] } }, "invalid_value", "structured_outputs.choice"],
  [{ structured_outputs: { json: "{" } }, "invalid_value", "structured_outputs.json"],
  [
    { structured_outputs: { json: `{"const":${"[".repeat(100_000)}${"]".repeat(100_000)}}` } },
    "invalid_value",
    "structured_outputs.json",
  ],
  [{ structured_outputs: { choice: ["b"] }, stop: "x" }, "invalid_value", "stop"],
  [
    { structured_outputs: { choice: ["b"] }, response_format: { type: "json_object" } },
    "invalid_value",
    "structured_outputs",
  ],
  [{ modalities: ["text", "audio"] }, "unsupported_parameter", "modalities"],
  [{ prediction: { type: "content", content: "" } }, "unsupported_parameter", "prediction"],
  [{ repetition_penalty: 0 }, "invalid_value", "repetition_penalty"],
  [
    { stream: true, stream_options: { include_obfuscation: 1 } },
    "invalid_value",
    "stream_options.include_obfuscation",
  ],
  [{ repetition_penalty: 5e-324 }, "invalid_value", "repetition_penalty"],
  [{ min_tokens: 5, max_tokens: 4 }, "invalid_value", "min_tokens"],
  [{ min_tokens: -1 }, "invalid_value", "min_tokens"],
  [{ ignore_eos: 1 }, "invalid_value", "ignore_eos"],
  [{ stop_token_ids: [-1] }, "invalid_value", "stop_token_ids[0]"],
  [{ stop_token_ids: Array.from({ length: 129 }, () => 1) }, "invalid_value", "stop_token_ids"],
  [{ truncate_prompt_tokens: 0 }, "invalid_value", "truncate_prompt_tokens"],
  [{ prompt_logprobs: 21 }, "invalid_value", "prompt_logprobs"],
  [{ prompt_logprobs: 1, stream: true }, "invalid_value", "prompt_logprobs"],
  [{ length_penalty: 2 }, "unsupported_parameter", "length_penalty"],
];

test("what is wrong is named by its path, and nothing is generated", async () => {
  const { post, services } = await runningServer();
  for (const [more, code, param] of invalid) {
    const answer = await post(CHAT, chatBody(more));
    const { error } = JSON.parse(await answer.text());
    expect({ more, ...error, status: answer.status }).toMatchObject({
      code,
      param,
      type: "invalid_request_error",
      status: code === "model_not_found" ? 404 : 400,
    });
  }
  expect(services.requests.filter(({ prompt }) => prompt.length > 0)).toEqual([]);
});

test("what asks for nothing is no reason to refuse; unknown fields are ignored and named", async () => {
  const { post } = await runningServer();
  const neutral = {
    tools: [],
    response_format: { type: "text" },
    structured_outputs: {},
    modalities: ["text"],
    repetition_penalty: 1,
    user: "u",
    metadata: {},
    service_tier: "auto",
    stream: false,
    stream_options: { include_usage: true, include_obfuscation: true },
  };
  const accepted = await post(CHAT, chatBody(neutral));
  expect(accepted.status).toBe(200);
  expect(accepted.headers.get("x-ignored-parameters")).toBeNull();
  const unknown = await post(CHAT, chatBody({ api_base: "http://evil.example", "x\r\ny": 1, id_slot: 3 }));
  expect(unknown.status).toBe(200);
  expect(unknown.headers.get("x-ignored-parameters")).toBe("api_base, id_slot");
});

test("the official client raises its own errors", async () => {
  const { client } = await runningServer();
  await expect(client.chat.completions.create({ model: "gpt-9", messages })).rejects.toBeInstanceOf(
    OpenAI.NotFoundError,
  );
  await expect(client.chat.completions.create({ model, messages, n: 99 })).rejects.toMatchObject({
    status: 400,
    param: "n",
    code: "invalid_value",
    type: "invalid_request_error",
  });
});
