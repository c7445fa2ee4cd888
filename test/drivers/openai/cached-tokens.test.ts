import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { afterAll, afterEach, expect, test } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import type { GenerationEvent } from "../../../src/core/generation.ts";
import { driverFixture } from "../local/driver-fixture.ts";
import { closeEngine, MODELS, modelOf, REQUEST } from "./stand-in.ts";

const { loadContext, removeCache } = driverFixture(openai);
afterAll(removeCache);

const open: Server[] = [];
afterEach(async () => {
  for (const engine of open.splice(0)) await closeEngine(engine);
});

/** An engine that answers with these frames; the text "(open)" leaves the stream open in their place. */
function engineOf(frames: readonly (object | string)[]): Server & { asked: Set<Socket> } {
  /** Connections that brought requests for answers. */
  const asked = new Set<Socket>();
  const engine = createServer((request, response) => {
    if (request.method === "GET") {
      response.setHeader("content-type", "application/json").end(MODELS);
      return;
    }
    asked.add(request.socket);
    response.setHeader("content-type", "text/event-stream");
    request.resume().on("end", () => {
      for (const frame of frames) {
        if (frame === "(open)") return;
        response.write(`data: ${typeof frame === "string" ? frame : JSON.stringify(frame)}\n\n`);
      }
      response.end();
    });
  });
  open.push(engine);
  return Object.assign(engine, { asked });
}

async function eventsOf(engine: Server, options: object = {}, times = 1): Promise<GenerationEvent[]> {
  const model = await modelOf(engine, loadContext(), options);
  const stopTokens = model.endOfText === null ? [] : [model.endOfText];
  let events: GenerationEvent[] = [];
  for (let time = 0; time < times; time += 1) {
    events = [];
    for await (const event of model.generate(
      { ...REQUEST, prompt: [5, 6, 7, 8, 9], stopTokens },
      new AbortController().signal,
    ))
      events.push(event);
  }
  await model.close();
  return events;
}
const tokens = [20, 21, 22, 23].map((id) => ({
  choices: [{ index: 0, text: "", token_ids: [id], finish_reason: null }],
}));
const end = { choices: [{ index: 0, text: "", token_ids: [], finish_reason: "length" }] };
const usage = (cached: unknown) => ({
  choices: [],
  usage: { prompt_tokens: 5, completion_tokens: 4, prompt_tokens_details: { cached_tokens: cached } },
});

test("vLLM's usage, which follows the answer's end, is told with that end; the connection is used again", async () => {
  const engine = engineOf([...tokens, end, usage(4), "[DONE]"]);
  const events = await eventsOf(engine, { engine: "vllm" }, 3);
  expect(events.map(({ type }) => type)).toEqual(["start", "token", "token", "token", "token", "finish"]);
  expect(events.at(-1)).toEqual({
    type: "finish",
    index: 0,
    reason: "length",
    completionTokens: 4,
    cachedTokens: 4,
  });
  expect(engine.asked.size).toBe(1);
});

test.each([
  ["no usage", [...tokens, end, "[DONE]"]],
  ["a usage without details", [...tokens, end, { choices: [], usage: { prompt_tokens: 5 } }, "[DONE]"]],
  ["a usage of another form", [...tokens, end, usage("many"), "[DONE]"]],
  ["a frame that is no JSON", [...tokens, end, "{oops", "[DONE]"]],
  ["an error", [...tokens, end, { error: { message: "boom" } }]],
  ["nothing, and the stream open", [...tokens, end, "(open)"]],
  ["not even an end, after as many tokens as were asked for", [...tokens, "(open)"]],
])("%s behind an answer takes nothing from it", async (_what, frames) => {
  const events = await eventsOf(engineOf(frames), { engine: "vllm" });
  expect(events.map(({ type }) => type)).toEqual(["start", "token", "token", "token", "token", "finish"]);
  expect(events.at(-1)).toEqual({ type: "finish", index: 0, reason: "length", completionTokens: 4 });
});

test("no more tokens of a prompt are told than it has", async () => {
  const events = await eventsOf(engineOf([...tokens, end, usage(99), "[DONE]"]), { engine: "vllm" });
  expect(events.at(-1)).toMatchObject({ cachedTokens: 5 });
});

test("llama-server tells it with its last frame, among the timings", async () => {
  const frames = [20, 21, 22, 23].map((id) => ({ content: "", tokens: [id], stop: false }));
  const last = { content: "", tokens: [], stop: true, stop_type: "limit", tokens_cached: 9 };
  const events = await eventsOf(engineOf([...frames, { ...last, timings: { cache_n: 3, prompt_n: 2 } }]), {
    engine: "llama-server",
  });
  expect(events.at(-1)).toMatchObject({ type: "finish", completionTokens: 4, cachedTokens: 3 });
  const older = await eventsOf(engineOf([...frames, last]), { engine: "llama-server" });
  expect(older.at(-1)).toEqual({ type: "finish", index: 0, reason: "length", completionTokens: 4 });
});

test("a server of OpenAI's completions tells it with its usage", async () => {
  const frames = [{ choices: [{ index: 0, text: "One two", finish_reason: "stop" }] }, usage(2), "[DONE]"];
  expect((await eventsOf(engineOf(frames), { engine: "openai" })).at(-1)).toMatchObject({ cachedTokens: 2 });
});
