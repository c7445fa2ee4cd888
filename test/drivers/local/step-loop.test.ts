import fc from "fast-check";
import { expect, test } from "vitest";
import type { RoomLimits, WireEvent } from "../../../drivers/local/protocol.ts";
import { StepLoop } from "../../../drivers/local/step-loop.ts";
import { Vocabulary } from "../../../drivers/local/vocabulary.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { ScriptedEngine, type ScriptedOptions } from "./scripted-engine.ts";

const VOCABULARY = 40;
const END = 39;

/** Token i spells one letter; the last one is a control token. */
const vocabulary = new Vocabulary({
  bytes: Uint8Array.from({ length: VOCABULARY }, (_, id) => 0x41 + id),
  offsets: Uint32Array.from({ length: VOCABULARY + 1 }, (_, id) => id),
  control: Uint8Array.from({ length: VOCABULARY }, (_, id) => (id === END ? 1 : 0)),
});

const request = (prompt: number[], rest: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prompt,
  choices: 1,
  maxTokens: 12,
  sampling: {
    ...NEUTRAL,
    temperature: 0,
    logitBias: [],
    seed: 1,
  },
  stopTokens: [END],
  stopStrings: [],
  logprobs: null,
  ...ORDINARY,
  promptLogprobs: null,
  ...rest,
});

function room(options: Partial<ScriptedOptions> = {}, limits: Partial<RoomLimits> = {}, clock = { now: 0 }) {
  const engine = new ScriptedEngine({
    slots: 3,
    contextLength: 64,
    batchTokens: 16,
    vocabularySize: VOCABULARY,
    ...options,
  });
  const told = new Map<number, WireEvent[]>();
  const admitted: number[] = [];
  const load = { busy: 0, waiting: 0, kvUsage: 0 };
  const waiting = new Map<number, () => void>();
  const ends = (id: number) => {
    const events = told.get(id) ?? [];
    return events.some(({ type }) => type === "error")
      ? Number.POSITIVE_INFINITY
      : events.filter(({ type }) => type === "finish").length;
  };
  const loop = new StepLoop({
    engine,
    vocabulary,
    limits: { prefillChunk: 4, sharePrefixCache: false, maxQueue: 100, queueTimeoutMs: 60_000, ...limits },
    report: ({ events, ...rest }) => {
      Object.assign(load, rest);
      for (const [id, event] of events) {
        if (event.type === "running") admitted.push(id);
        else told.set(id, [...(told.get(id) ?? []), event]);
      }
      for (const [, check] of waiting) check();
    },
    monotonic: () => clock.now,
    freshSeed: () => 99,
  });
  const failed = loop.run();
  return {
    engine,
    loop,
    load,
    /** Requests in the order in which they got their slots. */
    admitted,
    events: (id: number) => told.get(id) ?? [],
    text: (id: number, index = 0) =>
      (told.get(id) ?? [])
        .flatMap((event) => (event.type === "token" && event.index === index ? [event.text] : []))
        .join(""),
    /** Resolves when the request has finished its choices or failed. */
    ended: (id: number, choices = 1) =>
      Promise.race([
        failed,
        new Promise<void>((resolve) => {
          const check = () => {
            if (ends(id) >= choices) resolve();
          };
          waiting.set(id, check);
          check();
        }),
      ]),
  };
}

/** What each choice of a request says when it is alone on a fresh engine with a slot for each. */
async function choicesAlone(wanted: GenerationRequest): Promise<string[]> {
  const one = room({ slots: wanted.choices });
  one.loop.submit(1, wanted);
  await one.ended(1, wanted.choices);
  return Array.from({ length: wanted.choices }, (_, index) => one.text(1, index));
}

async function alone(wanted: GenerationRequest): Promise<string> {
  const [text = ""] = await choicesAlone(wanted);
  return text;
}

test("a stream is one start, tokens, one finish, and its counts add up", async () => {
  const { loop, ended, events } = room();
  loop.submit(7, request([1, 2, 3]));
  await ended(7);
  const kinds = events(7).map(({ type }) => type);
  expect(kinds[0]).toBe("start");
  expect(kinds.at(-1)).toBe("finish");
  expect(events(7)[0]).toMatchObject({ promptTokens: 3, cachedTokens: 0 });
  const tokens = events(7).flatMap((event) => (event.type === "token" ? event.tokens : []));
  expect(events(7).at(-1)).toMatchObject({ completionTokens: tokens.length });
});

test("choices are forked from one prompt", async () => {
  const { engine, loop, ended, text } = room({ slots: 2 });
  const prompt = Array.from({ length: 30 }, (_, at) => at);
  const wanted = request(prompt, {
    choices: 5,
    stopTokens: [],
    sampling: { ...request([]).sampling, temperature: 1, seed: 5 },
  });
  loop.submit(1, wanted);
  await ended(1, 5);
  const texts = [0, 1, 2, 3, 4].map((index) => text(1, index));
  expect(new Set(texts).size).toBe(5);
  // 30 prompt tokens once, and one for each further choice; answers feed at most 11 tokens each.
  expect(engine.steps.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(30 + 4 + 5 * 11);
  const again = room();
  again.loop.submit(1, wanted);
  await again.ended(1, 5);
  expect([0, 1, 2, 3, 4].map((index) => again.text(1, index))).toEqual(texts);
});

test("what was computed before is used again and changes nothing", async () => {
  const { loop, ended, events, text } = room();
  const head = Array.from({ length: 20 }, (_, at) => at % 7);
  loop.submit(1, request([...head, 1]));
  await ended(1);
  loop.submit(2, request([...head, 2]));
  await ended(2);
  expect(events(2)[0]).toMatchObject({ cachedTokens: 20 });
  expect(text(2)).toBe(await alone(request([...head, 2])));
});

test("running answers go on while a long prompt is computed in chunks", async () => {
  const { engine, loop, ended } = room({ contextLength: 200 });
  loop.submit(1, request([1], { maxTokens: 40, stopTokens: [] }));
  loop.submit(2, request(Array.from({ length: 100 }, (_, at) => at % 11)));
  await Promise.all([ended(1), ended(2)]);
  const chunked = engine.steps.filter((count) => count === 5);
  expect(chunked.length).toBeGreaterThan(15);
});

test("tells how much of the KV cache running answers hold, and nothing of what they leave there", async () => {
  const { engine, loop, load, ended } = room({ slots: 2, contextLength: 64 });
  const seen: number[] = [];
  engine.during = () => {
    seen.push(load.kvUsage * 2 * 64);
  };
  loop.submit(
    1,
    request(
      Array.from({ length: 10 }, (_, at) => at),
      { maxTokens: 4, stopTokens: [] },
    ),
  );
  await ended(1);
  // The last token is drawn and not computed any more.
  expect(seen).toEqual([0, 10, 11, 12]);
  await new Promise(setImmediate);
  expect(load.kvUsage).toBe(0);
});

test("a prompt is scored token by token, whatever the chunks", async () => {
  const { loop, ended, events } = room();
  const prompt = Array.from({ length: 40 }, (_, at) => (at * 5) % 13);
  loop.submit(1, request(prompt, { maxTokens: 0, promptLogprobs: 2 }));
  await ended(1);
  const [start, finish] = events(1);
  expect(finish).toEqual({ type: "finish", index: 0, reason: "length", completionTokens: 0 });
  const scores = start?.type === "start" ? (start.promptTokenScores ?? []) : [];
  expect(scores.map(({ id }) => id)).toEqual(prompt);
  expect(scores[0]).toEqual({ id: 0, logprob: null, top: [] });
  const reference = room({ batchTokens: 64 });
  reference.loop.submit(1, request(prompt, { maxTokens: 0, promptLogprobs: 2 }));
  await reference.ended(1);
  expect(reference.events(1)[0]).toEqual(start);
  // Scored again, every token has its score, though the slot holds all of them.
  loop.submit(2, request(prompt, { maxTokens: 0, promptLogprobs: 2 }));
  await ended(2);
  expect(events(2)[0]).toEqual({ ...start, cachedTokens: 39 });
});

test("a full queue and a long wait are refused, and nothing of it reaches the engine", async () => {
  const { loop, ended, events } = room({ slots: 1 }, { maxQueue: 1, queueTimeoutMs: 30 });
  const endless = request([1], { maxTokens: 50, stopTokens: [] });
  loop.submit(1, endless);
  loop.submit(2, endless);
  loop.submit(3, endless);
  await ended(3);
  expect(events(3)).toEqual([
    expect.objectContaining({ type: "error", code: "server_is_overloaded", retryAfter: 3 }),
  ]);
  await Promise.all([ended(1), ended(2)]);

  const late = room({ slots: 1 }, { queueTimeoutMs: 1 });
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  late.engine.during = () => gate;
  late.loop.submit(1, endless);
  late.loop.submit(2, endless);
  await late.ended(2);
  expect(late.events(2)).toEqual([expect.objectContaining({ code: "server_is_overloaded" })]);
  open();
  await late.ended(1);
});

test("a cancelled prompt is interrupted in its step and its slot serves the next", async () => {
  const { engine, loop, ended, events, text } = room({ slots: 1 });
  let cancelled = false;
  engine.during = () => {
    if (!cancelled) loop.cancel(1);
    cancelled = true;
  };
  loop.submit(1, request([1, 2, 3]));
  loop.submit(2, request([1, 2, 4]));
  await ended(2);
  expect(events(1)).toEqual([]);
  expect(text(2)).toBe(await alone(request([1, 2, 4])));
});

test("pings are answered between steps and while nothing runs", async () => {
  const { loop } = room();
  await new Promise<void>((resolve) => loop.ping(resolve));
});

test("prompts that begin alike are computed once, also when they come at once", async () => {
  const { engine, loop, ended, events, text } = room({ slots: 4, contextLength: 100 });
  const context = Array.from({ length: 50 }, (_, at) => (at * 3) % 17);
  const ids = [1, 2, 3, 4];
  const wanted = (id: number) => request([...context, id, id], { maxTokens: 0, promptLogprobs: 1 });
  for (const id of ids) loop.submit(id, wanted(id));
  for (const id of ids) await ended(id);
  // The context once; of each further prompt what is common at its end again, for its logits, and its own two tokens.
  expect(engine.steps.reduce((sum, count) => sum + count, 0)).toBe(52 + 3 + 4 + 4);
  expect(ids.map((id) => events(id)[0])).toMatchObject(
    [0, 49, 48, 48].map((cachedTokens) => ({ type: "start", cachedTokens })),
  );
  for (const id of ids) {
    const one = room({ slots: 4, contextLength: 100 });
    one.loop.submit(id, wanted(id));
    await one.ended(id);
    expect(events(id)[0]).toEqual({ ...one.events(id)[0], cachedTokens: expect.any(Number) });
    expect(text(id)).toBe("");
  }
});

test("one tenant's prompt is not found computed by another, but the template's head is", async () => {
  const { loop, ended, events } = room({ contextLength: 200 });
  const prompt = Array.from({ length: 80 }, (_, at) => at % 9);
  const ask = async (id: number, rest: Partial<GenerationRequest>) => {
    loop.submit(id, request(prompt, { maxTokens: 1, ...rest }));
    await ended(id);
    return events(id)[0];
  };
  expect(await ask(1, { tenant: "a" })).toMatchObject({ cachedTokens: 0 });
  expect(await ask(2, { tenant: "b" })).toMatchObject({ cachedTokens: 0 });
  expect(await ask(3, { tenant: "c", sharedPrefix: 12 })).toMatchObject({ cachedTokens: 12 });
  expect(await ask(4, { tenant: "a" })).toMatchObject({ cachedTokens: 79 });
});

test("a tenant with many requests does not keep another from its turn", async () => {
  const { loop, ended, admitted } = room({ slots: 2 });
  const ids = Array.from({ length: 12 }, (_, at) => at);
  for (const id of ids.slice(0, 10)) loop.submit(id, request([id], { tenant: "many" }));
  for (const id of ids.slice(10)) loop.submit(id, request([id], { tenant: "few" }));
  for (const id of ids) await ended(id);
  expect(admitted.indexOf(10)).toBeLessThan(4);
  expect(admitted.indexOf(11)).toBeLessThan(6);
  const many = admitted.filter((id) => id < 10);
  expect(many).toEqual(many.toSorted((a, b) => a - b));
});

test("of those that wait, the lower priority number goes first", async () => {
  const { loop, ended, admitted } = room({ slots: 1 });
  for (const [id, priority] of [0, 0, 5, -5].entries()) loop.submit(id, request([id], { priority }));
  for (const id of [0, 1, 2, 3]) await ended(id);
  expect(admitted).toEqual([3, 0, 1, 2]);
});

test("when its time is up, an answer ends where it stands, and its slot is free", async () => {
  const clock = { now: 0 };
  const { engine, loop, load, ended, events, text } = room({ slots: 1 }, {}, clock);
  const whole = request([1, 2], { maxTokens: 50, stopTokens: [], choices: 2 });
  engine.during = () => {
    clock.now += 10;
  };
  loop.submit(1, { ...whole, maxTimeMs: 100 });
  await ended(1, 2);
  expect(events(1).filter(({ type }) => type === "finish")).toEqual([
    { type: "finish", index: 0, reason: "length", completionTokens: 10 },
    { type: "finish", index: 1, reason: "length", completionTokens: 0 },
  ]);
  expect(text(1)).toHaveLength(10);
  expect(load.busy).toBe(0);
  loop.submit(
    2,
    request(
      Array.from({ length: 60 }, () => 3),
      { maxTimeMs: 5 },
    ),
  );
  await ended(2);
  expect(events(2)).toMatchObject([{ type: "error", code: "server_is_overloaded" }]);
});

test("a row of broken numbers ends its own request, and no other", async () => {
  const { engine, loop, ended, events, text } = room();
  const step = engine.step.bind(engine);
  engine.step = async (inputs) => {
    const output = await step(inputs);
    const broken = inputs.findIndex(({ tokens }) => tokens.includes(7));
    return {
      ...output,
      row: (index) => (index === broken ? output.row(index).map(() => Number.NaN) : output.row(index)),
    };
  };
  loop.submit(1, request([1, 7]));
  loop.submit(2, request([1, 8], { maxTokens: 3, stopTokens: [] }));
  await Promise.all([ended(1), ended(2)]);
  expect(events(1)).toMatchObject([{ type: "start" }, { type: "error", code: "internal_error" }]);
  expect(text(2)).toHaveLength(3);
  loop.submit(3, request([1, 7, 2]));
  await ended(3);
  // The 1 is the other request's: nothing that was computed with broken numbers is used again.
  expect(events(3)[0]).toMatchObject({ cachedTokens: 1 });
});

test("a constraint holds for every choice, and an answer ends where nothing can follow", async () => {
  const { loop, ended, text, events } = room({ slots: 2 });
  const constraint = { type: "regex", param: "regex", pattern: "([A-C][X-Z]){3}" } as const;
  loop.submit(1, request([1, 2, 3], { choices: 2, constraint }));
  await ended(1, 2);
  for (const index of [0, 1]) expect(text(1, index)).toMatch(/^([A-C][X-Z]){3}$/);
  expect(events(1).filter(({ type }) => type === "finish")).toEqual(
    [0, 1].map((index) => ({ type: "finish", index, reason: "stop", completionTokens: 6 })),
  );
});

test("a constraint that cannot be enforced is refused by its field, before anything is computed", async () => {
  const { loop, ended, events, engine } = room();
  loop.submit(
    1,
    request([1, 2], { constraint: { type: "regex", param: "structured_outputs.regex", pattern: "(" } }),
  );
  await ended(1);
  expect(events(1)).toEqual([
    expect.objectContaining({ type: "error", code: "invalid_value", param: "structured_outputs.regex" }),
  ]);
  expect(engine.steps).toEqual([]);
});

test("a grammar that turns out to be too ambiguous ends its own request, and no other", async () => {
  const { loop, ended, events, text } = room({ slots: 2 });
  const rules = Array.from({ length: 600 }, (_, index) => `r${index} ::= "A" ("A" | r${index} "B")`);
  const root = `root ::= "A" (${rules.map((_, index) => `r${index}`).join(" | ")})`;
  const grammar = [root, ...rules].join("\n");
  loop.submit(1, request([1, 2, 3], { constraint: { type: "grammar", param: "grammar", grammar } }));
  loop.submit(2, request([4, 5, 6]));
  await Promise.all([ended(1), ended(2)]);
  expect(events(1).at(-1)).toMatchObject({ type: "error", code: "invalid_value" });
  expect(text(2)).toBe(await alone(request([4, 5, 6])));
});

test("in any crowd every answer is what it is alone", async () => {
  const solo = new Map<string, string[]>();
  let allSteps = 0;
  const prompts = fc.array(fc.nat(6), { minLength: 1, maxLength: 30 });
  const action = fc.record({
    prompt: prompts,
    maxTokens: fc.integer({ min: 1, max: 20 }),
    choices: fc.integer({ min: 1, max: 5 }),
    temperature: fc.constantFrom(0, 1),
    stopStrings: fc.constantFrom([], ["K"], ["AB", "Q"]),
    scores: fc.boolean(),
    tenant: fc.constantFrom("", "a", "b"),
    priority: fc.constantFrom(0, 0, 1),
    sharedPrefix: fc.nat(3),
    /** The step in which it comes; 0: before the first. */
    arrives: fc.nat(8),
    cancelAfter: fc.option(fc.nat(6), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 12 }), fc.nat(6), async (actions, late) => {
      const { engine, loop, load, ended, text, events } = room();
      let steps = 0;
      engine.during = () => {
        steps += 1;
        // An interruption may come too late for the step that it was meant for, and hit the next one.
        if (steps === late) engine.interrupt();
        allSteps += 1;
        for (const [id, one] of wanted.entries()) if (actions[id]?.arrives === steps) loop.submit(id, one);
        for (const [id, { cancelAfter, arrives }] of actions.entries()) {
          if (cancelAfter !== undefined && arrives + cancelAfter === steps) loop.cancel(id);
        }
      };
      const wanted = actions.map(({ prompt, temperature, scores, cancelAfter, arrives, ...rest }) =>
        request(prompt, {
          ...rest,
          promptLogprobs: scores ? 0 : null,
          sampling: { ...request([]).sampling, temperature, seed: prompt.length },
        }),
      );
      // One that never ends in time keeps the steps coming, in which the others arrive.
      loop.submit(99, request([5], { maxTokens: 20, stopTokens: [] }));
      for (const [id, one] of wanted.entries()) if (actions[id]?.arrives === 0) loop.submit(id, one);
      for (const [id, one] of wanted.entries()) {
        const key = JSON.stringify(one);
        const expected = solo.get(key) ?? (await choicesAlone(one));
        solo.set(key, expected);
        const cancelled = actions[id]?.cancelAfter !== undefined;
        if (!cancelled) await ended(id, one.choices);
        for (const [index, whole] of expected.entries()) {
          if (cancelled) expect(whole.startsWith(text(id, index))).toBe(true);
          else expect(text(id, index)).toBe(whole);
        }
      }
      await ended(99);
      // Those whose time to be cancelled never came.
      for (const [id, { cancelAfter }] of actions.entries()) if (cancelAfter !== undefined) loop.cancel(id);
      // Whatever was cancelled, the slots are free again: as many requests as there are slots run at once.
      const after = [100, 101, 102];
      for (const id of after) loop.submit(id, request([id % 40]));
      for (const id of after) {
        await ended(id);
        expect(events(id).some(({ type }) => type === "error")).toBe(false);
      }
      expect(load).toEqual({ busy: 0, waiting: 0, kvUsage: 0 });
    }),
    { numRuns: 200 },
  );
  expect(allSteps).toBeGreaterThan(5000);
});
