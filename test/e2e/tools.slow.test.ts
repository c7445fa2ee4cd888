import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validates } from "../drivers/local/grammar/constrained.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel, golden } from "../golden-data.ts";

type Tool = OpenAI.Chat.Completions.ChatCompletionFunctionTool;
type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const weather = {
  type: "object",
  properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["C", "F"] } },
  required: ["city", "unit"],
  additionalProperties: false,
};
const alarm = {
  type: "object",
  properties: { hour: { type: "integer", minimum: 0, maximum: 23 } },
  required: ["hour"],
  additionalProperties: false,
};
const tool = (name: string, parameters: Record<string, unknown>): Tool => ({
  type: "function",
  function: { name, description: `Does ${name}.`, parameters },
});
const tools = [tool("get_weather", weather), tool("set_alarm", alarm)];
const schemas: Record<string, object> = { get_weather: weather, set_alarm: alarm };
const messages: Message[] = [{ role: "user", content: "What is the weather in Paris?" }];

describe.each(["llama-cpp", "onnx"])("on %s", (driver) => {
  let gateway: RunningGateway;
  const model = "dolly-v2-tiny";
  beforeAll(async () => {
    gateway = await startGateway({ args: [embeddedModel, "--driver", driver] });
  });
  afterAll(async () => {
    await gateway.stop();
  });
  const chat = () => gateway.client().chat.completions;

  const expectCall = (call: { function: { name: string; arguments: string } }) => {
    expect(Object.keys(schemas)).toContain(call.function.name);
    expect(validates(schemas[call.function.name] ?? {}, JSON.parse(call.function.arguments))).toBe(true);
  };

  test.each([0, 1, 2])(
    "`required` gives valid calls at temperature %d, in every choice",
    async (temperature) => {
      const answer = await chat().create({
        model,
        messages,
        tools,
        tool_choice: "required",
        temperature,
        seed: 3,
        n: 4,
        max_tokens: 200,
      });
      expect(answer.choices).toHaveLength(4);
      for (const { message, finish_reason } of answer.choices) {
        expect(finish_reason).toBe("tool_calls");
        expect(message.content).toBeNull();
        const [call, another] = message.tool_calls ?? [];
        expect(another).toBeUndefined();
        if (call?.type !== "function") throw new Error("there is no call");
        expect(call.id).toMatch(/^call_/);
        expectCall(call);
      }
      expect(new Set(answer.choices.map(({ message }) => message.tool_calls?.[0]?.id)).size).toBe(4);
    },
  );

  test("a call that is demanded is whole although the model would go on past its last token", async () => {
    const long = {
      type: "object",
      properties: {
        title: { type: "string" },
        tags: { type: "array", items: { type: "string" }, minItems: 1 },
      },
      required: ["title", "tags"],
    };
    const named = { type: "function" as const, function: { name: "note", parameters: long } };
    const demanded = ["required" as const, { type: "function" as const, function: { name: "note" } }];
    const options = { model, messages, tools: [named], temperature: 1, n: 8, max_tokens: 120 };
    for (const tool_choice of demanded) {
      const { choices } = await chat().create({ ...options, tool_choice, seed: 11 });
      expect(choices).toHaveLength(8);
      for (const { message, finish_reason } of choices) {
        expect(finish_reason).toBe("tool_calls");
        const call = message.tool_calls?.[0];
        if (call?.type !== "function") throw new Error("there is no call");
        expect(validates(long, JSON.parse(call.function.arguments))).toBe(true);
      }
    }
  });

  test("a named function is called, streaming: its name first, then its arguments in pieces", async () => {
    const tool_choice = { type: "function" as const, function: { name: "set_alarm" } };
    const stream = await chat().create({ model, messages, tools, tool_choice, stream: true, seed: 1 });
    const deltas = [];
    const reasons = [];
    for await (const { choices } of stream) {
      for (const { delta, finish_reason } of choices) {
        deltas.push(delta);
        if (finish_reason !== null) reasons.push(finish_reason);
      }
    }
    expect(reasons).toEqual(["tool_calls"]);
    expect(deltas[0]).toEqual({ role: "assistant", content: null });
    const [begun, ...rest] = deltas.slice(1).flatMap(({ tool_calls }) => tool_calls ?? []);
    expect(begun).toEqual({
      index: 0,
      id: expect.stringMatching(/^call_/),
      type: "function",
      function: { name: "set_alarm", arguments: "" },
    });
    expect(rest.length).toBeGreaterThan(1);
    for (const delta of rest) expect(Object.keys(delta).toSorted()).toEqual(["function", "index"]);
    const text = rest.map((delta) => delta.function?.arguments).join("");
    expect(validates(alarm, JSON.parse(text))).toBe(true);
  });

  test("several calls in an answer where they are wanted", async () => {
    const options = { model, messages, tools, tool_choice: "required" as const, parallel_tool_calls: true };
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((seed) => chat().create({ ...options, temperature: 2, seed, max_tokens: 600 })),
    );
    const calls = answers.flatMap(({ choices }) => choices).map(({ message }) => message.tool_calls ?? []);
    for (const call of calls.flat()) {
      if (call.type === "function") expectCall(call);
    }
    expect(Math.max(...calls.map(({ length }) => length))).toBeGreaterThan(1);
    expect(Math.max(...calls.map(({ length }) => length))).toBeLessThanOrEqual(8);
  });

  test("what is left to the model is a text, whole, or a valid call", async () => {
    const answers = await chat().create({
      model,
      messages,
      tools,
      temperature: 1,
      seed: 5,
      n: 8,
      max_tokens: 60,
    });
    for (const { message, finish_reason } of answers.choices) {
      for (const call of message.tool_calls ?? []) {
        if (call.type === "function" && finish_reason === "tool_calls") expectCall(call);
      }
      if (message.tool_calls === undefined) expect(message.content).not.toBeNull();
    }
    expect(answers.choices.some(({ message }) => (message.content ?? "").length > 0)).toBe(true);
  });

  test("`none` offers no function: the answer is what it is without tools", async () => {
    const options = { model, messages, temperature: 0 };
    const plain = await chat().create(options);
    const none = await chat().create({ ...options, tools, tool_choice: "none" });
    expect(none.choices).toEqual(plain.choices);
  });

  test("only allowed tools are called", async () => {
    const answer = await chat().create({
      model,
      messages,
      tools,
      n: 4,
      temperature: 2,
      seed: 1,
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "set_alarm" } }] },
      },
    });
    for (const { message } of answer.choices) {
      expect(message.tool_calls?.[0]).toMatchObject({ function: { name: "set_alarm" } });
    }
  });

  test("what functions gave is the context of the question, as Dolly was trained", async () => {
    interface Case {
      readonly instruction: string;
      readonly context: string | null;
      readonly answer: string;
      readonly first_tie: number | null;
    }
    const { cases } = golden<{ cases: Case[] }>("dolly-v2-tiny.json");
    const known = cases.find(({ context, first_tie }) => context !== null && first_tie === null);
    if (known?.context == null) throw new Error("there is a golden answer with context");
    const asked = { role: "user" as const, content: known.instruction };
    const call = { id: "call_1", type: "function" as const, function: { name: "f", arguments: "{}" } };
    const withDocuments = {
      model,
      messages: [asked],
      documents: [{ title: "f", text: known.context }],
      temperature: 0,
    };
    const expected = await gateway
      .client()
      .post<OpenAI.ChatCompletion>("/chat/completions", { body: withDocuments });
    const answer = await chat().create({
      model,
      temperature: 0,
      messages: [
        asked,
        { role: "assistant", tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: known.context },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe(expected.choices[0]?.message.content);
    expect(answer.usage?.prompt_tokens).toBe(expected.usage?.prompt_tokens);
  });

  test("the client's own loop calls a function and gives its result back", async () => {
    const asked: unknown[] = [];
    const runner = gateway.client().chat.completions.runTools({
      model,
      messages,
      max_tokens: 100,
      tool_choice: "required",
      tools: [
        {
          type: "function",
          function: {
            name: "set_alarm",
            description: "Sets an alarm.",
            parameters: alarm,
            parse: JSON.parse,
            function: (given: unknown) => {
              asked.push(given);
              runner.abort();
              return "done";
            },
          },
        },
      ],
    });
    await runner.done().catch(() => undefined);
    expect(asked).toHaveLength(1);
    expect(validates(alarm, asked[0])).toBe(true);
  });

  test("the older form: `functions` and `function_call`", async () => {
    const functions = [{ name: "set_alarm", parameters: alarm }];
    const answer = await chat().create({ model, messages, functions, function_call: { name: "set_alarm" } });
    const [choice] = answer.choices;
    expect(choice?.finish_reason).toBe("function_call");
    expect(choice?.message.tool_calls).toBeUndefined();
    expect(validates(alarm, JSON.parse(choice?.message.function_call?.arguments ?? ""))).toBe(true);
    let streamed = "";
    const stream = await chat().create({
      model,
      messages,
      functions,
      function_call: { name: "set_alarm" },
      stream: true,
    });
    for await (const { choices } of stream) streamed += choices[0]?.delta.function_call?.arguments ?? "";
    expect(validates(alarm, JSON.parse(streamed))).toBe(true);
  });

  test("a schema that cannot be enforced is refused by its place", async () => {
    const wrong = tool("f", { type: "object", minProperties: 3 });
    const asking = chat().create({ model, messages, tools: [tools[0] ?? wrong, wrong] });
    await expect(asking).rejects.toMatchObject({
      status: 400,
      param: "tools[1].function.parameters.minProperties",
    });
  });
});
