// The Vercel AI SDK with its provider for OpenAI-compatible servers; tells of each case on a line.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, jsonSchema, streamObject, streamText, tool } from "ai";
import { expect, runCases } from "./cases.mjs";

const baseURL = process.env.BASE_URL;
const compatible = createOpenAICompatible({ name: "dolly", baseURL, supportsStructuredOutputs: true });
const openai = createOpenAI({ baseURL, apiKey: "unused" });
const model = compatible("dolly-v2-tiny");
const prompt = "Who wrote the novel Tom Jones in 1749";
const schema = jsonSchema({
  type: "object",
  properties: {
    name: { type: "string", maxLength: 40 },
    born: { type: "integer", minimum: 0, maximum: 2100 },
  },
  required: ["name", "born"],
  additionalProperties: false,
});
const tools = { find: tool({ description: "Finds a person.", inputSchema: schema }) };

await runCases({
  async generateText() {
    const { text, usage } = await generateText({ model, prompt, temperature: 0 });
    expect(/Fielding/.test(text), "the answer");
    expect(usage.outputTokens > 0, "usage");
  },
  async streamText() {
    const { textStream, finishReason } = streamText({ model, prompt, temperature: 0 });
    let text = "";
    for await (const part of textStream) text += part;
    expect(/Fielding/.test(text), "the answer");
    expect((await finishReason) === "stop", "a finish reason");
  },
  async generateObject() {
    const { object } = await generateObject({ model, prompt, schema });
    expect(Number.isInteger(object.born), "an object of the schema");
  },
  async streamObject() {
    const { object, partialObjectStream } = streamObject({ model, prompt, schema });
    for await (const _ of partialObjectStream);
    expect(Number.isInteger((await object).born), "an object of the schema");
  },
  async "tools, required"() {
    const { toolCalls, finishReason } = await generateText({ model, prompt, tools, toolChoice: "required" });
    expect(toolCalls[0]?.toolName === "find" && Number.isInteger(toolCalls[0].input.born), "a valid call");
    expect(finishReason === "tool-calls", "a finish reason");
  },
  async "tools, streaming"() {
    const { toolCalls, fullStream } = streamText({ model, prompt, tools, toolChoice: "required" });
    for await (const _ of fullStream);
    expect(Number.isInteger((await toolCalls)[0]?.input.born), "a valid call");
  },
  async "completions model"() {
    const { text } = await generateText({
      model: compatible.completionModel("dolly-v2-tiny-instruct"),
      prompt,
      temperature: 0,
    });
    // The SDK writes a transcript of its own around the prompt, which the model does not know.
    expect(text.length > 0, "a text");
  },
  async "OpenAI's provider, chat"() {
    const { text } = await generateText({ model: openai.chat("dolly-v2-tiny"), prompt, temperature: 0 });
    expect(/Fielding/.test(text), "the answer");
  },
  async "OpenAI's provider, responses"() {
    const { text } = await generateText({ model: openai.responses("dolly-v2-tiny"), prompt, temperature: 0 });
    expect(/Fielding/.test(text), "the answer");
  },
  async "OpenAI's provider, responses, streaming"() {
    let text = "";
    for await (const part of streamText({ model: openai.responses("dolly-v2-tiny"), prompt, temperature: 0 })
      .textStream)
      text += part;
    expect(/Fielding/.test(text), "the answer");
  },
  async "an unknown model is an error"() {
    const failed = await generateText({ model: compatible("gpt-none"), prompt, maxRetries: 0 }).then(
      () => undefined,
      (error) => error,
    );
    expect(failed?.statusCode === 404, "a 404");
  },
});
