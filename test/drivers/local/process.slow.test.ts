import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { startLocalModel } from "../../../drivers/local/index.ts";
import { PROTOCOL_VERSION } from "../../../drivers/local/protocol.ts";
import { Tokenizer } from "../../../drivers/local/tokenizer.ts";
import { tokenizerJsonSchema } from "../../../drivers/local/tokenizer-json.ts";
import type { Model } from "../../../src/core/driver.ts";
import {
  type GenerationEvent,
  type GenerationRequest,
  NEUTRAL,
  ORDINARY,
} from "../../../src/core/generation.ts";
import type { Log } from "../../../src/core/log.ts";
import { GatewayError, OperatorError } from "../../../src/errors.ts";
import { embeddedModel } from "../../golden-data.ts";
import type { ScriptedOptions } from "./scripted-engine.ts";

const ROWS = 6144;
const POISON = 1234;
const BROKEN = 1235;
const KILLED = 1236;
const HANG = 1237;
const errors: object[] = [];
const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (fields) => errors.push(fields),
  child: () => log,
};
const never = new AbortController().signal;
const tokenizer = new Tokenizer(
  tokenizerJsonSchema.parse(JSON.parse(readFileSync(join(embeddedModel, "tokenizer.json"), "utf8"))),
  ROWS,
);

const models: Model[] = [];
afterEach(async () => {
  await Promise.all(models.splice(0).map((model) => model.close()));
});

async function start(
  options: Partial<ScriptedOptions> = {},
  { stallTimeoutMs = 60_000, signal = never } = {},
): Promise<Model> {
  const engine: ScriptedOptions = {
    slots: 2,
    contextLength: 4096,
    batchTokens: 64,
    vocabularySize: ROWS,
    poison: POISON,
    killed: KILLED,
    hang: HANG,
    broken: BROKEN,
    ...options,
  };
  const model = await startLocalModel(
    {
      description: {
        name: "scripted",
        contextLength: engine.contextLength,
        vocabularySize: ROWS,
        precision: "f32",
        controlTokens: tokenizer.controlTokens,
      },
      fingerprint: "00",
      tokenizer,
      endOfText: 0,
      engine: { module: new URL("scripted-engine.ts", import.meta.url).href, options: engine },
      limits: { maxQueue: 8, queueTimeoutMs: 10_000, prefillChunk: 16, sharePrefixCache: false },
      loadTimeoutMs: 20_000,
      stallTimeoutMs,
      context: { name: "scripted", cacheDir: "", maxModelLen: undefined, log, onProgress() {} },
    },
    signal,
  );
  models.push(model);
  return model;
}

const request = (prompt: number[], maxTokens = 5): GenerationRequest => ({
  prompt,
  choices: 1,
  maxTokens,
  sampling: {
    ...NEUTRAL,
    temperature: 0,
    logitBias: [POISON, BROKEN, KILLED, HANG].map((id) => [id, -100] as const),
    seed: null,
  },
  stopTokens: [],
  stopStrings: [],
  logprobs: null,
  ...ORDINARY,
  promptLogprobs: null,
});

async function drain(events: AsyncIterable<GenerationEvent>): Promise<void> {
  for await (const _ of events);
}

/** An answer that has begun. */
async function begun(model: Model, wanted: GenerationRequest) {
  const events = model.generate(wanted, never);
  for (let event = await events.next(); event.value?.type !== "token"; event = await events.next());
  return events;
}

/** How a promise fails: the code of its error. */
const codeOf = (failing: Promise<unknown>): Promise<unknown> =>
  failing.then(
    () => "none",
    (error: unknown) => (error instanceof GatewayError ? error.code : error),
  );

async function collect(model: Model, wanted: GenerationRequest, signal = never): Promise<GenerationEvent[]> {
  const events = [];
  for await (const event of model.generate(wanted, signal)) events.push(event);
  return events;
}

test("an engine that dies ends its streams with an error, and the next request gets a new one", async () => {
  const model = await start();
  const expected = await collect(model, request([1, 2, 3]));
  const bystander = await begun(model, request([9], 4000));
  await expect(collect(model, request([1, KILLED]))).rejects.toMatchObject({
    code: "engine_unavailable",
    retryAfter: 1,
  });
  await expect(drain(bystander)).rejects.toMatchObject({ code: "engine_crashed" });
  expect(model.status()).toMatchObject({ state: "restarting", busySlots: 0, waiting: 0, restarts: 0 });
  expect((await collect(model, request([1, 2, 3]))).slice(1)).toEqual(expected.slice(1));
  await model.check(never);
  expect(model.status()).toMatchObject({ state: "ready", restarts: 1 });
});

test("an engine that keeps dying is left alone for a while, and a request that is answered ends that", async () => {
  const model = await start();
  const codes = [];
  for (let death = 0; death < 3; death += 1) codes.push(await codeOf(collect(model, request([KILLED]))));
  expect(codes).toEqual(Array(3).fill("engine_unavailable"));
  expect(model.status().state).toBe("unavailable");
  const refused = collect(model, request([1]));
  await expect(refused).rejects.toMatchObject({ code: "engine_unavailable", retryAfter: 1 });
  await expect(refused).rejects.toThrow("keeps stopping");
  await expect.poll(() => model.status().state, { timeout: 10_000 }).toBe("ready");
  expect((await collect(model, request([1]))).at(-1)).toMatchObject({ type: "finish" });
  // Nothing is held against it any more.
  await codeOf(collect(model, request([KILLED])));
  expect((await collect(model, request([1]))).at(-1)).toMatchObject({ type: "finish" });
});

test("a request that kills engines is refused after two, others are not", async () => {
  const model = await start();
  const poison = request([3, POISON]);
  for (let death = 0; death < 2; death += 1) {
    const other = collect(model, request([4 + death], 4000));
    expect(await codeOf(collect(model, poison))).toBe("engine_unavailable");
    await codeOf(other);
  }
  await expect(collect(model, poison)).rejects.toMatchObject({
    code: "engine_crashed",
    message: expect.stringContaining("each time"),
  });
  await expect(collect(model, { ...poison, tenant: "another", priority: 3 })).rejects.toThrow("each time");
  expect((await collect(model, request([4]))).at(-1)).toMatchObject({ type: "finish" });
  expect((await collect(model, request([5]))).at(-1)).toMatchObject({ type: "finish" });
  expect(model.status().restarts).toBe(2);
});

test("a reader that takes its time is not taken for an engine that hangs", async () => {
  const model = await start({}, { stallTimeoutMs: 300 });
  const other = await start({}, { stallTimeoutMs: 300 });
  const events = await begun(model, request([1], 20));
  // Once this one has been noticed twice, the reader has taken longer than an engine may.
  for (let hang = 0; hang < 2; hang += 1) {
    expect(await codeOf(collect(other, request([HANG, hang])))).toBe("engine_unavailable");
  }
  await drain(events);
  expect(model.status()).toMatchObject({ state: "ready", restarts: 0 });
});

test("an engine that hangs is ended and replaced", async () => {
  const model = await start({}, { stallTimeoutMs: 300 });
  const other = await begun(model, request([1], 4000));
  expect(await codeOf(collect(model, request([HANG])))).toBe("engine_unavailable");
  expect(await codeOf(drain(other))).toBe("engine_crashed");
  expect(errors.at(-1)).toMatchObject({ how: "no progress, ended by signal SIGKILL" });
  expect((await collect(model, request([1]))).at(-1)).toMatchObject({ type: "finish" });
});

test("an engine that hangs is noticed although whoever waited for it has left", async () => {
  const model = await start({}, { stallTimeoutMs: 300 });
  const abort = new AbortController();
  const left = collect(model, request([HANG]), abort.signal);
  await expect.poll(() => model.status().busySlots).toBe(1);
  abort.abort(new Error("no patience"));
  await expect(left).rejects.toThrow("no patience");
  await expect.poll(() => model.status().restarts, { timeout: 10_000 }).toBe(1);
});

test("a step that fails ends the engine cleanly, and the log says why", async () => {
  const model = await start();
  await expect(collect(model, request([BROKEN]))).rejects.toMatchObject({
    code: "engine_unavailable",
    message: expect.not.stringContaining("device"),
  });
  expect(errors.at(-1)).toMatchObject({
    how: "exit status 1",
    stderr: expect.stringContaining("device is lost"),
  });
  expect(await collect(model, request([1]))).not.toHaveLength(0);
});

test("a client that leaves while the engine starts again is not kept waiting", async () => {
  const model = await start();
  await expect(collect(model, request([KILLED]))).rejects.toMatchObject({ code: "engine_unavailable" });
  const abort = new AbortController();
  const reason = new Error("the client left");
  const waiting = collect(model, request([1]), abort.signal);
  abort.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await model.check(never);
});

test("what the engine says while it fails to load reaches the operator", async () => {
  const failing = start({ failToLoad: "no such tensor" });
  await expect(failing).rejects.toBeInstanceOf(OperatorError);
  await expect(failing).rejects.toThrow(/scripted: no such tensor\nscripted: the last words/);
});

test("an abort ends a stream with its reason, and a reader that leaves frees the slot", async () => {
  const model = await start({ slots: 1 });
  const abort = new AbortController();
  const reason = new Error("the client left");
  const stream = model.generate(request([5], 4000), abort.signal);
  await stream.next();
  abort.abort(reason);
  await expect(stream.next()).rejects.toBe(reason);
  for await (const event of model.generate(request([6], 4000), never)) if (event.type === "token") break;
  expect((await collect(model, request([7]))).at(-1)).toMatchObject({ type: "finish", reason: "length" });
});

test("what does not fit or does not exist is refused before any event", async () => {
  const model = await start({ contextLength: 20 });
  await expect(collect(model, request(Array(20).fill(1)))).rejects.toMatchObject({
    code: "context_length_exceeded",
    message: expect.stringMatching(/20 tokens.*20/),
  });
  await expect(collect(model, request([ROWS]))).rejects.toMatchObject({ code: "invalid_value" });
  const full = await collect(model, request(Array(19).fill(1), 100));
  expect(full.at(-1)).toMatchObject({ reason: "length", completionTokens: 1 });
});

test("a closed model serves nothing, and closing twice is harmless", async () => {
  const model = await start();
  const running = collect(model, request([1], 4000));
  running.catch(() => {});
  await model.check(never);
  await Promise.all([model.close(), model.close()]);
  await expect(running).rejects.toMatchObject({ code: expect.stringMatching(/^engine_/) });
  await expect(collect(model, request([1]))).rejects.toMatchObject({ code: "engine_unavailable" });
});

test("an engine process ends with its parent, and not with the terminal's signals", async () => {
  const file = fileURLToPath(new URL("../../../drivers/local/engine-process.ts", import.meta.url));
  const load = {
    type: "load",
    version: PROTOCOL_VERSION,
    module: new URL("scripted-engine.ts", import.meta.url).href,
    options: { slots: 1, contextLength: 8, batchTokens: 8, vocabularySize: 8 },
    limits: { maxQueue: 1, queueTimeoutMs: 1, prefillChunk: 1 },
  };
  const script = `
    const engine = require("node:child_process").fork(${JSON.stringify(file)}, [], { serialization: "advanced" });
    engine.on("message", ({ type }) => type === "ready" && console.log(engine.pid));
    const vocabulary = { bytes: new Uint8Array(0), offsets: new Uint32Array(9), control: new Uint8Array(8) };
    engine.send({ ...${JSON.stringify(load)}, vocabulary });`;
  const parent = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once("data", (text: Buffer) => resolve(Number.parseInt(text.toString(), 10)));
  });
  const alive = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  process.kill(pid, "SIGINT");
  process.kill(pid, "SIGTERM");
  expect(alive()).toBe(true);
  parent.kill("SIGKILL");
  await expect.poll(alive, { timeout: 5_000 }).toBe(false);
});
