import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validates } from "../drivers/local/grammar/constrained.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel, golden } from "../golden-data.ts";

interface Case {
  readonly instruction: string;
  readonly context: string | null;
  readonly answer: string;
  readonly first_tie: number | null;
}
const known = golden<{ cases: Case[] }>("dolly-v2-tiny.json").cases.filter(
  ({ context, first_tie }) => context === null && first_tie === null,
);
const [{ instruction: input, answer } = { instruction: "", answer: "" }] = known;
const model = "dolly-v2-tiny";
const asked = { model, input, temperature: 0 };
const alarm = {
  type: "object",
  properties: { hour: { type: "integer", minimum: 0, maximum: 23 } },
  required: ["hour"],
  additionalProperties: false,
};
const tools = [{ type: "function" as const, name: "set_alarm", parameters: alarm, strict: true }];

const scratch = mkdtempSync(join(tmpdir(), "responses-"));
let gateway: RunningGateway;
let client: OpenAI;
beforeAll(async () => {
  gateway = await startGateway({ args: [embeddedModel] });
  client = gateway.client();
});
afterAll(async () => {
  await gateway.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const firstText = ({ output: [item] }: OpenAI.Responses.Response): string => {
  const part = item?.type === "message" ? item.content[0] : undefined;
  return part?.type === "output_text" ? part.text : "";
};

async function eventsOf(body: object): Promise<ResponseStreamEvent[]> {
  const stream = await client.responses.create({ ...asked, ...body, stream: true });
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe("an answer", () => {
  test("is what the chat answers, with what was asked and what it took", async () => {
    const response = await client.responses.create({ ...asked, metadata: { purpose: "test" } });
    expect(response.output_text).toBe(answer);
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      error: null,
      incomplete_details: null,
      model,
      previous_response_id: null,
      metadata: { purpose: "test" },
      temperature: 0,
      presence_penalty: 0,
      frequency_penalty: 0,
      store: true,
      output: [{ type: "message", role: "assistant", status: "completed" }],
    });
    expect(response.id).toMatch(/^resp_/);
    expect(response.output[0]?.id).toMatch(/^msg_/);
    const { usage } = response;
    expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
    const chat = await client.chat.completions.create({
      model,
      temperature: 0,
      messages: [{ role: "user", content: input }],
    });
    expect(usage?.input_tokens).toBe(chat.usage?.prompt_tokens);
  });

  test("heeds penalties as the chat does, which OpenAI's own API has not", async () => {
    const penalties = { presence_penalty: 1.5, frequency_penalty: 2 };
    // Open Responses has these fields; the client's types do not.
    const response = await client.responses.create({ ...asked, ...penalties, store: false } as typeof asked);
    const { choices } = await client.chat.completions.create({
      ...{ model, temperature: 0, ...penalties },
      messages: [{ role: "user", content: input }],
    });
    expect(response.output_text).toBe(choices[0]?.message.content);
    expect(response.output_text).not.toBe(answer);
    expect(response).toMatchObject({ ...penalties, store: false });
  });

  test("streams in the order of events that clients follow", async () => {
    const events = await eventsOf({});
    const types = events.map(({ type }) => type);
    const deltas = types.filter((type) => type === "response.output_text.delta");
    expect(types).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...deltas,
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(deltas.length).toBeGreaterThan(1);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const text = events
      .map((event) => (event.type === "response.output_text.delta" ? event.delta : ""))
      .join("");
    expect(text).toBe(answer);
    const ids = new Set(events.flatMap((event) => ("item_id" in event ? [event.item_id] : [])));
    expect(ids.size).toBe(1);
    expect(events.at(-1)).toMatchObject({ response: { status: "completed", output: [{ id: [...ids][0] }] } });
  });

  test("its frames have names, and no [DONE] follows", async () => {
    const reply = await fetch(`${gateway.address}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...asked, stream: true }),
    });
    const frames = (await reply.text()).trim().split("\n\n");
    for (const frame of frames) {
      const [name, data] = frame.split("\n");
      expect(name).toBe(`event: ${JSON.parse(data?.slice("data: ".length) ?? "").type}`);
    }
    expect(frames.at(-1)).toMatch(/^event: response\.completed/);
  });

  test("the client's stream helper gives the whole response", async () => {
    const stream = client.responses.stream(asked);
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(answer);
  });

  test("that max_output_tokens cuts is incomplete", async () => {
    const response = await client.responses.create({ ...asked, max_output_tokens: 2 });
    expect(response).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "incomplete" }],
    });
    expect((await eventsOf({ max_output_tokens: 2 })).at(-1)?.type).toBe("response.incomplete");
  });

  test("has log-probabilities where they are included", async () => {
    const response = await client.responses.create({
      ...asked,
      include: ["message.output_text.logprobs"],
      top_logprobs: 2,
    });
    const [message] = response.output;
    const part = message?.type === "message" ? message.content[0] : undefined;
    const logprobs = part?.type === "output_text" ? (part.logprobs ?? []) : [];
    const bytes = Buffer.from(logprobs.flatMap((one) => one.bytes ?? []));
    expect(bytes.toString()).toBe(answer);
    for (const one of logprobs) expect(one.top_logprobs).toHaveLength(2);
  });

  test("holds to a format", async () => {
    const response = await client.responses.parse({
      ...asked,
      text: { format: { type: "json_schema", name: "alarm", schema: alarm, strict: true } },
    });
    expect(validates(alarm, JSON.parse(response.output_text))).toBe(true);
  });
});

describe("functions", () => {
  test("are called, and what they give is the context of the next answer", async () => {
    const first = await client.responses.create({ ...asked, tools, tool_choice: "required" });
    const [call] = first.output;
    if (call?.type !== "function_call") throw new Error("there is no call");
    expect(call).toMatchObject({ name: "set_alarm", status: "completed" });
    expect(validates(alarm, JSON.parse(call.arguments))).toBe(true);
    const next = await client.responses.create({
      model,
      temperature: 0,
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "The alarm rings at 7." }],
    });
    const direct = await client.post<OpenAI.Responses.Response>("/responses", {
      body: { ...asked, documents: [{ title: "set_alarm", text: "The alarm rings at 7." }] },
    });
    expect(next.output[0]).toMatchObject({ content: [{ text: firstText(direct) }] });
    expect(next.usage?.input_tokens).toBe(direct.usage?.input_tokens);
  });

  test("stream their arguments", async () => {
    const events = await eventsOf({ tools, tool_choice: { type: "function", name: "set_alarm" } });
    const types = [...new Set(events.map(({ type }) => type))];
    expect(types).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const text = events
      .map((event) => (event.type === "response.function_call_arguments.delta" ? event.delta : ""))
      .join("");
    expect(validates(alarm, JSON.parse(text))).toBe(true);
  });
});

describe("stored responses", () => {
  test("are given, continued, listed and forgotten", async () => {
    const first = await client.responses.create({ ...asked, instructions: "Be brief." });
    expect(await client.responses.retrieve(first.id)).toEqual(first);
    const { instruction = "" } = known[1] ?? {};
    const next = await client.responses.create({
      model,
      temperature: 0,
      previous_response_id: first.id,
      input: instruction,
    });
    const chat = await client.chat.completions.create({
      model,
      temperature: 0,
      messages: [
        { role: "user", content: input },
        { role: "assistant", content: first.output_text },
        { role: "user", content: instruction },
      ],
    });
    expect(next.output_text).toBe(chat.choices[0]?.message.content);
    expect(next.usage?.input_tokens).toBe(chat.usage?.prompt_tokens);
    const items = await client.responses.inputItems.list(next.id);
    expect(items.data).toMatchObject([
      { type: "message", role: "user", content: [{ type: "input_text", text: instruction }] },
    ]);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(
      client.responses.create({ model, input: "x", previous_response_id: next.id }),
    ).rejects.toMatchObject({
      status: 400,
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  });

  test("are paged", async () => {
    const response = await client.responses.create({
      ...asked,
      input: [
        { role: "user", content: "One?" },
        { role: "assistant", content: "One." },
        { role: "user", content: "Two?" },
      ],
    });
    const page = await client.responses.inputItems.list(response.id, { limit: 2, order: "asc" });
    expect(page.data).toHaveLength(2);
    const rest = await page.getNextPage();
    expect(rest.data).toMatchObject([{ content: [{ text: "Two?" }] }]);
    const newest = await client.responses.inputItems.list(response.id, { limit: 1 });
    expect(newest.data).toMatchObject([{ content: [{ text: "Two?" }] }]);
    const [item] = page.data;
    const again = await client.responses.create({
      ...asked,
      input: [{ type: "item_reference", id: item?.id ?? "" }],
    });
    expect(again.status).toBe("completed");
  });

  test("that are not to be stored are not", async () => {
    const response = await client.responses.create({ ...asked, store: false });
    await expect(client.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 });
  });

  test("are not another client's", async () => {
    const one = new OpenAI({ baseURL: `${gateway.address}/v1`, apiKey: "sk-one" });
    const other = new OpenAI({ baseURL: `${gateway.address}/v1`, apiKey: "sk-other", maxRetries: 0 });
    const { id } = await one.responses.create(asked);
    await expect(other.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(other.responses.delete(id)).rejects.toMatchObject({ status: 404 });
    await expect(other.responses.create({ ...asked, previous_response_id: id })).rejects.toMatchObject({
      status: 400,
    });
    expect((await one.responses.retrieve(id)).id).toBe(id);
  });

  test("in an SQLite file outlive the gateway", async () => {
    const config = `responses: { store: sqlite, path: ${join(scratch, "kept.sqlite")}, max_responses: 2 }
models: { dolly-v2-tiny: { placements: [{ driver: llama-cpp, model: ${embeddedModel} }] } }`;
    const before = await startGateway({ config });
    const ids: string[] = [];
    for (const _ of [1, 2, 3]) ids.push((await before.client().responses.create(asked)).id);
    await before.stop();
    const after = await startGateway({ config });
    try {
      const { id, output_text } = await after.client().responses.retrieve(ids[2] ?? "");
      expect(output_text).toBe(answer);
      await expect(after.client().responses.retrieve(ids[0] ?? "")).rejects.toMatchObject({ status: 404 });
      const next = await after.client().responses.create({ ...asked, previous_response_id: id });
      expect(next.previous_response_id).toBe(id);
    } finally {
      await after.stop();
    }
  });
});

test.each<[Record<string, unknown>, string, string]>([
  [{ input: [] }, "input", "invalid_value"],
  [
    { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] },
    "input[0].content[0].type",
    "unsupported_parameter",
  ],
  [{ input: [{ type: "function_call_output", call_id: "c", output: "1" }] }, "input", "invalid_value"],
  [{ input: [{ type: "item_reference", id: "msg_none" }] }, "input[0].id", "invalid_value"],
  [{ previous_response_id: "resp_none" }, "previous_response_id", "previous_response_not_found"],
  [{ max_output_tokens: 0 }, "max_output_tokens", "invalid_value"],
  [{ background: true }, "background", "unsupported_parameter"],
  [{ conversation: "conv_1" }, "conversation", "unsupported_parameter"],
  [{ reasoning: { effort: "high" } }, "reasoning", "unsupported_parameter"],
  [{ tools: [{ type: "web_search" }] }, "tools[0].type", "unsupported_parameter"],
  [{ include: ["file_search_call.results"] }, "include[0]", "unsupported_parameter"],
  [{ top_logprobs: 3 }, "top_logprobs", "invalid_value"],
  [
    { text: { format: { type: "json_schema", name: "a", schema: { type: "object", minProperties: 3 } } } },
    "text.format.schema.minProperties",
    "invalid_value",
  ],
])("%j is refused by name", async (body, param, code) => {
  const asking = client.post("/responses", { body: { ...asked, ...body } });
  await expect(asking).rejects.toMatchObject({ status: 400, param, code });
});
