// The openai SDK for Node, as its documentation shows it; tells of each case on a line.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { closedPort, expect, runCases, serving } from "./cases.mjs";

const baseURL = process.env.BASE_URL;
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0 });
const model = "dolly-v2-tiny";
const prompt = "Who wrote the novel Tom Jones in 1749";
const messages = [{ role: "user", content: prompt }];
const asked = { model, messages, temperature: 0 };
const Person = z.object({ name: z.string().max(40), born: z.number().int().min(0).max(2100) });
const parameters = {
  type: "object",
  properties: { born: { type: "integer", minimum: 0, maximum: 2100 } },
  required: ["born"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "find", parameters, strict: true } }];
const ask = (more) => client.chat.completions.create({ ...asked, ...more });
const failure = (promise) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

async function collected(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

await runCases({
  async chat() {
    const { choices, usage } = await ask({});
    expect(choices[0].finish_reason === "stop" && /Fielding/.test(choices[0].message.content), "the answer");
    expect(choices[0].message.refusal === null, "no refusal");
    expect(usage.total_tokens === usage.prompt_tokens + usage.completion_tokens, "usage");
  },
  async "chat, with the response"() {
    const { data, response, request_id } = await ask({}).withResponse();
    expect(data._request_id === request_id && response.headers.get("x-request-id") === request_id, "one id");
    expect(Number(response.headers.get("openai-processing-ms")) >= 0, "the time that it took");
  },
  async "chat, two choices with log-probabilities"() {
    const { choices } = await ask({ n: 2, logprobs: true, top_logprobs: 3 });
    expect(choices.map(({ index }) => index).join() === "0,1", "two choices");
    for (const { logprobs, message } of choices) {
      expect(
        logprobs.content.every(({ top_logprobs }) => top_logprobs.length === 3),
        "three alternatives",
      );
      const bytes = logprobs.content.flatMap(({ bytes }) => bytes);
      expect(Buffer.from(bytes).toString() === message.content, "bytes of the content");
    }
  },
  async "chat, streamed"() {
    const chunks = await collected(await ask({ stream: true, stream_options: { include_usage: true } }));
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(/Fielding/.test(text), "the answer");
    expect(new Set(chunks.map(({ id }) => id)).size === 1, "one id");
    expect(chunks[0].choices[0].delta.role === "assistant", "the role first");
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason).length === 1, "one end");
    expect(chunks.at(-1).choices.length === 0 && chunks.at(-1).usage.completion_tokens > 0, "usage last");
  },
  async "chat, the stream's two halves"() {
    const [left, right] = (await ask({ stream: true })).tee();
    const [one, other] = await Promise.all([collected(left), collected(right)]);
    expect(one.length > 2 && JSON.stringify(one) === JSON.stringify(other), "the same chunks twice");
  },
  async "chat.completions.stream"() {
    const stream = client.chat.completions.stream(asked);
    const deltas = [];
    stream.on("content.delta", ({ delta }) => deltas.push(delta));
    const content = await stream.finalContent();
    expect(/Fielding/.test(content) && deltas.join("") === content, "the deltas of the answer");
    expect((await stream.finalChatCompletion()).choices[0].finish_reason === "stop", "a whole completion");
  },
  async "chat.completions.stream with log-probabilities"() {
    const stream = client.chat.completions.stream({ ...asked, logprobs: true });
    const told = [];
    stream.on("logprobs.content.delta", ({ content }) => told.push(...content));
    await stream.done();
    expect(told.length > 2 && told.every(({ logprob }) => logprob <= 0), "log-probabilities");
  },
  async "chat.completions.parse"() {
    const response_format = zodResponseFormat(Person, "person");
    const { choices } = await client.chat.completions.parse({ ...asked, response_format });
    expect(Person.safeParse(choices[0].message.parsed).success, "a person");
  },
  async "chat.completions.stream with a form"() {
    const response_format = zodResponseFormat(Person, "person");
    const stream = client.chat.completions.stream({ ...asked, response_format });
    const { choices } = await stream.finalChatCompletion();
    expect(Person.safeParse(choices[0].message.parsed).success, "a person");
  },
  async "a call that is demanded"() {
    const { choices } = await ask({ tools, tool_choice: "required" });
    const [{ function: called, id }] = choices[0].message.tool_calls;
    expect(choices[0].finish_reason === "tool_calls" && id.length > 0, "a call");
    expect(called.name === "find" && Number.isInteger(JSON.parse(called.arguments).born), "its arguments");
  },
  async "a call that is demanded, streamed"() {
    const stream = client.chat.completions.stream({ ...asked, tools, tool_choice: "required" });
    const done = [];
    stream.on("tool_calls.function.arguments.done", (event) => done.push(event));
    await stream.done();
    expect(done[0]?.name === "find" && Number.isInteger(done[0].parsed_arguments.born), "parsed arguments");
  },
  async "chat.completions.runTools"() {
    let born;
    const find = {
      type: "function",
      function: {
        ...{ name: "find", description: "Finds a person.", parameters, parse: JSON.parse },
        function: (found) => {
          born = found.born;
          return "Henry Fielding";
        },
      },
    };
    const runner = client.chat.completions.runTools({
      ...asked,
      tools: [find],
      tool_choice: { type: "function", function: { name: "find" } },
    });
    await runner.done();
    expect(Number.isInteger(born), "the function called with valid arguments");
    expect((await runner.finalFunctionToolCallResult()) === "Henry Fielding", "its result");
  },
  async "a conversation with a tool's result"() {
    const id = "call_1";
    const { choices } = await ask({
      messages: [
        ...messages,
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id, type: "function", function: { name: "find", arguments: '{"born":1707}' } }],
        },
        { role: "tool", tool_call_id: id, content: "Henry Fielding" },
      ],
      tools,
      tool_choice: "none",
      max_tokens: 40,
    });
    expect(choices[0].message.content.length > 0, "an answer");
  },
  async completions() {
    const { choices } = await client.completions.create({
      ...{ model, prompt: "The capital", max_tokens: 4, temperature: 0, logprobs: 2, echo: true },
    });
    const [{ text, logprobs }] = choices;
    expect(text.startsWith("The capital") && logprobs.token_logprobs[0] === null, "the prompt first");
    expect(logprobs.tokens.join("") === text && logprobs.text_offset[0] === 0, "tokens of the text");
  },
  async "completions of several prompts, streamed"() {
    const stream = await client.completions.create({
      ...{ model, prompt: ["One", "Two"], max_tokens: 3, temperature: 0, stream: true },
    });
    const chunks = await collected(stream);
    expect(new Set(chunks.map(({ choices }) => choices[0]?.index)).size === 2, "both answers");
  },
  async responses() {
    const response = await client.responses.create({ model, input: prompt, temperature: 0 });
    expect(response.status === "completed" && /Fielding/.test(response.output_text), "the answer");
    const stored = await client.responses.retrieve(response.id);
    expect(stored.output_text === response.output_text, "the stored one");
    const items = await collected(client.responses.inputItems.list(response.id));
    expect(items[0].content[0].text === prompt, "what was asked");
    const next = await client.responses.create({
      ...{ model, input: "And in which year?", previous_response_id: response.id, max_output_tokens: 20 },
    });
    expect(next.usage.input_tokens > response.usage.input_tokens, "the conversation");
    await client.responses.delete(response.id);
    const gone = await failure(client.responses.retrieve(response.id));
    expect(gone instanceof OpenAI.NotFoundError, "nothing behind the deletion");
  },
  async "responses.stream"() {
    const stream = client.responses.stream({ model, input: prompt, temperature: 0 });
    let text = "";
    stream.on("response.output_text.delta", ({ delta }) => {
      text += delta;
    });
    const response = await stream.finalResponse();
    expect(/Fielding/.test(text) && response.output_text === text, "the deltas of the answer");
  },
  async "responses.parse"() {
    const text = { format: zodTextFormat(Person, "person") };
    const { output_parsed } = await client.responses.parse({ model, input: prompt, temperature: 0, text });
    expect(Person.safeParse(output_parsed).success, "a person");
  },
  async "responses with a call"() {
    const { output } = await client.responses.create({
      ...{ model, input: prompt, tool_choice: "required" },
      tools: [{ type: "function", name: "find", parameters, strict: true }],
    });
    expect(
      output[0].type === "function_call" && Number.isInteger(JSON.parse(output[0].arguments).born),
      "it",
    );
  },
  async "models, page by page"() {
    const page = await client.models.list();
    expect(page.object === "list" && !page.hasNextPage(), "one page");
    const names = (await collected(client.models.list())).map(({ id }) => id);
    expect(names.includes(model), "the model");
    expect((await client.models.retrieve(model)).object === "model", "one of them");
  },
  async "errors have their classes"() {
    const bad = await failure(ask({ temperature: 3 }));
    expect(bad instanceof OpenAI.BadRequestError && bad.param === "temperature", "BadRequestError");
    expect(
      bad.type === "invalid_request_error" && typeof bad.code === "string" && bad.requestID,
      "its facts",
    );
    const none = await failure(ask({ model: "gpt-none" }));
    expect(none instanceof OpenAI.NotFoundError && none.code === "model_not_found", "NotFoundError");
    const long = await failure(ask({ messages: [{ role: "user", content: "word ".repeat(20_000) }] }));
    expect(long.code === "context_length_exceeded", "context_length_exceeded");
    const stream = await failure(ask({ stream: true, messages: [] }));
    expect(stream instanceof OpenAI.BadRequestError, "the same before a stream");
  },
  async "a stream that is abandoned ends"() {
    const stream = await ask({ stream: true, ignore_eos: true, max_tokens: 1000 });
    for await (const _ of stream) break;
    expect(stream.controller.signal.aborted, "an aborted request");
    expect(/Fielding/.test((await ask({})).choices[0].message.content), "the next answer");
  },
  async "a request that is aborted"() {
    const controller = new AbortController();
    const endless = { ...asked, ignore_eos: true, max_tokens: 1000 };
    const answer = failure(client.chat.completions.create(endless, { signal: controller.signal }));
    controller.abort();
    expect((await answer) instanceof OpenAI.APIUserAbortError, "APIUserAbortError");
  },
  async "a request that takes too long"() {
    const endless = { ...asked, ignore_eos: true, max_tokens: 1000, n: 4 };
    const late = await failure(client.chat.completions.create(endless, { timeout: 1 }));
    expect(late instanceof OpenAI.APIConnectionTimeoutError, "APIConnectionTimeoutError");
  },
  async "what is refused for good is not tried again"() {
    await serving(baseURL, { times: 0 }, async (url, seen) => {
      const retrying = new OpenAI({ baseURL: url, apiKey: "unused", maxRetries: 2 });
      await failure(retrying.chat.completions.create({ ...asked, temperature: 3 }));
      expect(seen.length === 1, "one request");
    });
  },
  async "what is refused for now is tried again, when the header says"() {
    await serving(
      baseURL,
      { times: 1, status: 429, headers: { "retry-after-ms": "20" } },
      async (url, seen) => {
        const retrying = new OpenAI({ baseURL: url, apiKey: "unused", maxRetries: 2 });
        const { choices } = await retrying.chat.completions.create(asked);
        expect(/Fielding/.test(choices[0].message.content), "the answer");
        expect(
          seen.map((headers) => headers["x-stainless-retry-count"]).join() === "0,1",
          "a second attempt",
        );
      },
    );
  },
  async "a gateway that is gone"() {
    const nowhere = new OpenAI({ baseURL: `http://127.0.0.1:${await closedPort()}/v1`, apiKey: "unused" });
    const lost = await failure(nowhere.models.list({ maxRetries: 0 }));
    expect(lost instanceof OpenAI.APIConnectionError, "APIConnectionError");
  },
});
