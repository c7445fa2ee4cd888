/**
 * A guard against growing slower (`npm run bench:guard`, half a minute): ratios of two things that are timed in turns in
 * this process, and counts. No wall time alone decides, so that it says the same on every machine; instruction counts
 * would be better still, but virtual machines rarely offer them. Exit status 1 where a limit is passed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import llamaEngine from "../drivers/llama-cpp/engine.ts";
import type { Engine } from "../drivers/local/engine.ts";
import { RowKernel } from "../drivers/local/kernel/row-kernel.ts";
import { score } from "../drivers/local/logprobs.ts";
import type { WireEvent } from "../drivers/local/protocol.ts";
import { Random } from "../drivers/local/random.ts";
import { Sampler } from "../drivers/local/sampler.ts";
import { StepLoop } from "../drivers/local/step-loop.ts";
import { Vocabulary } from "../drivers/local/vocabulary.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../src/core/generation.ts";
import { type BenchModel, benchModel } from "./models.ts";
import { randomPrompt } from "./prompts.ts";
import { pairedRatio } from "./statistics.ts";

interface Finding {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
}

const ROUNDS = 15;
const SLOTS = 8;
const TOKENS = 48;

/** Times both in turns; the median of the rounds' ratios. */
async function ratio(ours: () => unknown, reference: () => unknown): Promise<number> {
  const timed = async (work: () => unknown): Promise<number> => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const times: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push([await timed(ours), await timed(reference)]);
  return pairedRatio(
    times.map(([mine]) => mine),
    times.map(([, theirs]) => theirs),
  ).median;
}

async function samplerFindings(): Promise<Finding[]> {
  const size = 50_280;
  const random = new Random(1, 0);
  const row = Float32Array.from({ length: size }, () => -2 * Math.log(-Math.log(random.next())));
  const kernel = new RowKernel(size);
  const sampler = new Sampler(kernel);
  const sampling = { ...NEUTRAL, topP: 0.92, logitBias: [], seed: null };
  const repeat = (work: () => unknown) => () => {
    for (let time = 0; time < 20; time += 1) work();
  };
  // The least that any sampler in plain JavaScript would do.
  const plain = repeat(() => row.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return [
    {
      what: "top_p 0.92, over a plain sum of exponentials",
      value: await ratio(
        repeat(() => sampler.sample(row, sampling, new Map(), () => random.next())),
        plain,
      ),
      limit: 0.7,
    },
    {
      what: "20 log-probabilities, over the same",
      value: await ratio(
        repeat(() => score(kernel, row, 7, 20)),
        plain,
      ),
      limit: 0.5,
    },
  ];
}

/** An engine that counts what it computes, and the loop over it. */
class Room {
  readonly engine: Engine;
  readonly #loop: StepLoop;
  readonly #ended = new Map<number, () => void>();
  #ids = 0;
  steps = 0;
  tokens = 0;
  reports = 0;
  cached = 0;

  constructor(engine: Engine, vocabulary: Vocabulary) {
    this.engine = {
      info: engine.info,
      step: (inputs) => {
        this.steps += 1;
        this.tokens += inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
        return engine.step(inputs);
      },
      copy: (from, to, length) => engine.copy(from, to, length),
      truncate: (slot, length) => engine.truncate(slot, length),
      interrupt: () => engine.interrupt(),
      close: () => engine.close(),
    };
    this.#loop = new StepLoop({
      engine: this.engine,
      vocabulary,
      limits: { prefillChunk: null, sharePrefixCache: false, maxQueue: 64, queueTimeoutMs: 60_000 },
      report: ({ events }) => {
        this.reports += 1;
        for (const [id, event] of events) this.#see(id, event);
      },
      monotonic: () => performance.now(),
      freshSeed: () => 1,
    });
    this.#loop.run().catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }

  #see(id: number, event: WireEvent): void {
    if (event.type === "start") this.cached += event.cachedTokens;
    if (event.type === "error") throw new Error(event.message);
    if (event.type === "finish") this.#ended.get(id)?.();
  }

  /** Resolves when every choice has ended; returns what it cost. */
  async serve(
    requests: readonly GenerationRequest[],
  ): Promise<Pick<Room, "steps" | "tokens" | "reports" | "cached">> {
    const before = { steps: this.steps, tokens: this.tokens, reports: this.reports, cached: this.cached };
    await Promise.all(
      requests.map(
        (request) =>
          new Promise<void>((resolve) => {
            this.#ids += 1;
            let left = request.choices;
            this.#ended.set(this.#ids, () => {
              left -= 1;
              if (left === 0) resolve();
            });
            this.#loop.submit(this.#ids, request);
          }),
      ),
    );
    return {
      steps: this.steps - before.steps,
      tokens: this.tokens - before.tokens,
      reports: this.reports - before.reports,
      cached: this.cached - before.cached,
    };
  }
}

async function roomFindings(model: BenchModel): Promise<Finding[]> {
  const engine = await llamaEngine.load(
    {
      modelPath: model.gguf,
      contextLength: 512,
      slots: SLOTS,
      batchTokens: 512 + SLOTS,
      threads: 1,
      gpu: "none",
      places: { libraries: undefined, cacheDir: "" },
      gpuLayers: null,
      mainGpu: null,
      tensorSplit: [],
      devices: [],
      kvType: "f16",
      flashAttention: "auto",
      mmap: true,
      metadata: {},
      memory: null,
    },
    () => {},
  );
  const size = engine.info.vocabularySize;
  const vocabulary = new Vocabulary({
    bytes: new Uint8Array(size).fill(0x61),
    offsets: Uint32Array.from({ length: size + 1 }, (_, id) => id),
    control: new Uint8Array(size),
  });
  const room = new Room(engine, vocabulary);
  const request = (
    label: string,
    length: number,
    rest: Partial<GenerationRequest> = {},
  ): GenerationRequest => ({
    ...ORDINARY,
    prompt: randomPrompt(model, length, label),
    choices: 1,
    maxTokens: TOKENS,
    sampling: { ...NEUTRAL, temperature: 0, logitBias: [], seed: 1 },
    stopTokens: [],
    stopStrings: [],
    logprobs: null,
    promptLogprobs: null,
    ...rest,
  });
  let round = 0;
  const throughRoom = () => {
    round += 1;
    return room.serve([request(`room ${round}`, 16)]);
  };
  const bare = async () => {
    engine.truncate(SLOTS - 1, 0);
    let tokens = randomPrompt(model, 16, `bare ${round}`);
    for (let at = 0, drawn = 0; drawn < TOKENS; drawn += 1) {
      await engine.step([{ slot: SLOTS - 1, position: at, tokens, logits: "last" }]);
      at += tokens.length;
      tokens = [1000 + drawn];
    }
    engine.truncate(SLOTS - 1, 0);
  };
  const overhead = await ratio(throughRoom, bare);
  const alone = await room.serve([request("alone", 100)]);
  const choices = await room.serve([request("choices", 100, { choices: SLOTS })]);
  const again = await room.serve([request("choices", 100)]);
  const context = randomPrompt(model, 90, "context");
  const list = await room.serve(
    Array.from({ length: SLOTS }, (_, at) =>
      request("", 0, { prompt: [...context, 900 + at], maxTokens: 0, promptLogprobs: 0 }),
    ),
  );
  engine.close();
  return [
    { what: "an answer of the embedded model, over its bare steps", value: overhead, limit: 1.25 },
    { what: "messages a step", value: alone.reports / alone.steps, limit: 1.1 },
    {
      what: "tokens computed for 8 choices of a prompt of 100",
      value: choices.tokens,
      limit: 100 + 7 + 8 * (TOKENS - 1),
    },
    { what: "tokens computed for the same prompt again", value: again.tokens, limit: 1 + TOKENS - 1 },
    {
      what: "tokens computed to score 8 prompts with 90 tokens in common",
      value: list.tokens,
      limit: 91 + 7 * 3,
    },
  ];
}

const scratch = mkdtempSync(join(tmpdir(), "dolly-guard-"));
try {
  const findings = [
    ...(await samplerFindings()),
    ...(await roomFindings(await benchModel(scratch, "tiny", "f16"))),
  ];
  for (const { what, value, limit } of findings) {
    console.log(`${value <= limit ? "ok  " : "FAIL"}  ${what}: ${Number(value.toFixed(3))} (limit ${limit})`);
  }
  process.exitCode = findings.every(({ value, limit }) => value <= limit) ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
// The loop over the engine would wait for work for ever.
process.exit();
