/** Measures the drivers on a GPU, beside the memory's bandwidth and, where it is there, vLLM. README.md tells the method. */
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { llamaCpp } from "../drivers/llama-cpp/index.ts";
import { readCheckpointHeader } from "../drivers/local/checkpoint/index.ts";
import { onnx } from "../drivers/onnx/index.ts";
import type { GpuFacts } from "../src/core/machine.ts";
import { gpuBandwidth, measureMainMemory } from "../src/machine/bandwidth.ts";
import { listGpus } from "../src/machine/gpu-list.ts";
import { asCommand, usageError, wholeNumber } from "./as-command.ts";
import { type GpuServer, hasVllm, startPlacement, startVllm } from "./gpu-servers.ts";
import { type BenchCheckpoint, benchCheckpoint, MODEL_NAMES } from "./models.ts";
import { randomPrompt } from "./prompts.ts";
import { MODEL } from "./server.ts";
import { spread } from "./statistics.ts";
import { StreamClient } from "./stream-client.ts";

const USAGE = `usage: npm run bench:gpu -- [options]

  --work FOLDER    where models are made and kept
  --model NAME     of ${MODEL_NAMES.join(", ")} (default synthetic3b)
  --slots LIST     answers at the same time (default 1,8,32)
  --rounds N       measurements of each (default 3)
  --bandwidth N    bytes a second of the memory, where the GPU's is not known
  --device NAME    cuda (default), or cpu to rehearse it all without a GPU
`;

const { values: options } = parseArgs({
  options: {
    work: { type: "string", default: join(tmpdir(), "dolly-bench") },
    model: { type: "string", default: "synthetic3b" },
    slots: { type: "string", default: "1,8,32" },
    rounds: { type: "string", default: "3" },
    bandwidth: { type: "string" },
    device: { type: "string", default: "cuda" },
    help: { type: "boolean", default: false },
  },
});

const CONTEXT = 2048;
const PROMPT = 128;
const LONG_PROMPT = 1024;
const TOKENS = 64;

interface Subject {
  readonly name: string;
  /** Bytes that a token reads of the weights, and of the keys and values of one position. Null: not known. */
  readonly reads: { readonly weights: number; readonly position: number } | null;
  start(slots: number): Promise<GpuServer>;
}

async function main(): Promise<void> {
  const name = oneOf("model", MODEL_NAMES);
  const device = oneOf("device", ["cuda", "cpu"]);
  const slots = options.slots.split(",").map((text) => wholeNumber("slots", text));
  const rounds = wholeNumber("rounds", options.rounds);
  const [gpu] = device === "cuda" ? listGpus() : [];
  if (device === "cuda" && gpu === undefined) {
    throw usageError("no GPU is to be seen here (nvidia-smi); --device cpu rehearses without one");
  }
  const bandwidth = bandwidthOf(gpu);
  console.log(`device: ${gpu?.name ?? "CPU"}`);
  console.log(
    `memory: ${bandwidth === null ? "bandwidth not known" : `${(bandwidth / 1e9).toFixed(0)} GB/s`}`,
  );
  const model = await benchCheckpoint(join(resolve(options.work), "models"), name);
  await compareWithCpu(await benchCheckpoint(join(resolve(options.work), "models"), "tiny"), device);
  const subjects = await subjectsOn(device, model);
  console.log(`\n| ${name} | slots | decode, tokens/s | of the memory's bandwidth | prompts, tokens/s |`);
  console.log("|---|---:|---:|---:|---:|");
  for (const subject of subjects) {
    for (const count of slots) await measure(subject, count, { model, rounds, bandwidth });
  }
}

/** One row. A server that does not start is told, and the others go on. */
async function measure(
  subject: Subject,
  slots: number,
  { model, rounds, bandwidth }: { model: BenchCheckpoint; rounds: number; bandwidth: number | null },
): Promise<void> {
  let server: GpuServer;
  try {
    server = await subject.start(slots);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(
      `| ${subject.name} | ${slots} | not measured: ${reason.replaceAll(/\s+/g, " ").slice(0, 300)} | | |`,
    );
    return;
  }
  const client = new StreamClient(server.base, { keepAlive: true });
  try {
    const decode: number[] = [];
    const prompts: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const figures = await oneRound(client, { model, slots, label: `${round}` });
      if (round === 0) continue;
      decode.push(figures.decode);
      prompts.push(figures.prompts);
    }
    const rate = spread(decode).median;
    const share = bandwidth === null ? null : rate / mostTokens(subject, slots, bandwidth);
    const told = share === null || Number.isNaN(share) ? "not known" : `${(100 * share).toFixed(0)} %`;
    console.log(
      `| ${subject.name} | ${slots} | ${rate.toFixed(1)} | ${told} | ${spread(prompts).median.toFixed(0)} |`,
    );
  } finally {
    client.close();
    await server.stop();
  }
}

/** Tokens a second where nothing but reading memory took time: weights once a step, each answer's keys and values. */
function mostTokens({ reads }: Subject, slots: number, bandwidth: number): number {
  if (reads === null) return Number.NaN;
  const bytes = reads.weights + slots * reads.position * (PROMPT + TOKENS / 2);
  return (slots * bandwidth) / bytes;
}

/** Tokens a second: of all answers between their first and their last text, and of prompts until the last first text. */
async function oneRound(
  client: StreamClient,
  { model, slots, label }: { model: BenchCheckpoint; slots: number; label: string },
): Promise<{ readonly decode: number; readonly prompts: number }> {
  const together = (length: number, tokens: number) =>
    Promise.all(
      Array.from({ length: slots }, (_, slot) =>
        client.stream("/v1/completions", {
          model: MODEL,
          prompt: randomPrompt(model, length, `${label} ${length} ${slot}`),
          max_tokens: tokens,
          temperature: 0,
          logit_bias: Object.fromEntries(model.controlTokens.map((id) => [id, -100])),
        }),
      ),
    );
  const answers = await together(PROMPT, TOKENS);
  const decode = answers.reduce(
    (sum, { completionTokens, firstTextMs, lastTextMs }) =>
      sum + ((completionTokens - 1) / (lastTextMs - firstTextMs)) * 1000,
    0,
  );
  const long = Math.min(LONG_PROMPT, model.contextLength - TOKENS);
  const read = await together(long, 4);
  const began = Math.min(...read.map(({ sentAt }) => sentAt));
  const ended = Math.max(...read.map(({ sentAt, firstTextMs }) => sentAt + firstTextMs));
  return { decode, prompts: ((slots * long) / (ended - began)) * 1000 };
}

async function subjectsOn(device: "cuda" | "cpu", model: BenchCheckpoint): Promise<Subject[]> {
  const { config: shape } = await readCheckpointHeader(model.checkpoint);
  // What is not installed after all is told in its row.
  const facts = { gpus: listGpus(), providers: ["cuda", "onnx-cuda"] };
  const ours = [
    ...["f16", "int4"].map((type) => ({ driver: onnx, placement: { type, provider: device } })),
    ...["f16", "q4_0"].map((type) => ({
      driver: llamaCpp,
      placement: { type, gpu: device === "cuda" ? "cuda" : "none" },
    })),
  ].map(({ driver, placement }): Subject => {
    const given = { model: model.checkpoint, ...placement };
    const need = driver.plan(given).need({ shape }, facts);
    const known = typeof need === "object" ? need : null;
    return {
      name: `${driver.name} ${placement.type}`,
      reads: known && {
        weights: known.readPerToken,
        position: known.kvPerSlot / shape.contextLength,
      },
      start: (slots) => startPlacement({ driver: driver.name, ...given }, room(slots, model)),
    };
  });
  if (device !== "cuda" || !hasVllm()) {
    console.log("vllm: not in this environment");
    return ours;
  }
  const [first] = ours;
  return [
    ...ours,
    {
      name: "vllm float16",
      reads: first?.reads ?? null,
      start: (slots) => startVllm(model.checkpoint, room(slots, model)),
    },
  ];
}

const room = (slots: number, { contextLength }: BenchCheckpoint) => ({
  slots,
  context: Math.min(CONTEXT, contextLength),
});

const scored = z.object({
  choices: z.array(
    z.object({ text: z.string(), logprobs: z.object({ token_logprobs: z.array(z.number().nullable()) }) }),
  ),
});

/** The embedded model's answers and a prompt's log-probabilities, beside those of ONNX Runtime on a CPU in float32. */
async function compareWithCpu(model: BenchCheckpoint, device: "cuda" | "cpu"): Promise<void> {
  const placements = {
    here: { driver: "onnx", model: model.checkpoint, type: "f16", provider: device },
    cpu: { driver: "onnx", model: model.checkpoint, type: "f32", provider: "cpu" },
  };
  const asked = {
    model: MODEL,
    prompt: Array.from({ length: 16 }, (_, at) => randomPrompt(model, 40, `compare ${at}`)),
    max_tokens: 24,
    temperature: 0,
    echo: true,
    logprobs: 0,
  };
  const [here, cpu] = await Promise.all(
    Object.values(placements).map(async (placement) => {
      const server = await startPlacement(placement, { slots: 16, context: 256 });
      try {
        const response = await fetch(`${server.base}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(asked),
        });
        if (!response.ok) throw new Error(await response.text());
        return scored.parse(await response.json()).choices;
      } finally {
        await server.stop();
      }
    }),
  );
  const pairs = (here ?? []).map((choice, at) => ({ choice, other: cpu?.[at] }));
  const same = pairs.filter(({ choice, other }) => choice.text === other?.text).length;
  const differences = pairs.flatMap(({ choice, other }) =>
    choice.logprobs.token_logprobs
      .slice(1, 40)
      .map((value, at) => Math.abs((value ?? 0) - (other?.logprobs.token_logprobs[at + 1] ?? Number.NaN))),
  );
  console.log(
    `the embedded model, onnx f16 here beside onnx f32 on the CPU: ${same} of ${pairs.length} answers alike,`,
  );
  console.log(`log-probabilities of prompts within ${Math.max(...differences).toExponential(1)}`);
}

function bandwidthOf(gpu: GpuFacts | undefined): number | null {
  if (options.bandwidth !== undefined) return wholeNumber("bandwidth", options.bandwidth);
  return gpu === undefined ? measureMainMemory() : gpuBandwidth(gpu.name);
}

function oneOf<Name extends string>(option: "model" | "device", names: readonly Name[]): Name {
  const found = names.find((name) => name === options[option]);
  if (found === undefined) throw usageError(`--${option} ${options[option]}: there are ${names.join(", ")}`);
  return found;
}

await asCommand(main, { help: options.help, usage: USAGE });
