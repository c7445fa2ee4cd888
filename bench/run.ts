/** Measures this gateway beside llama.cpp's own server. README.md tells the method; `--help` the options. */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { computingCores } from "../drivers/local/threads.ts";
import { asCommand, usageError, wholeNumber } from "./as-command.ts";
import { measureEventLoop } from "./event-loop.ts";
import { MEASUREMENTS } from "./measurements.ts";
import { benchModel, MODEL_NAMES, MODEL_TYPES } from "./models.ts";
import { comparison } from "./report.ts";
import { checkout } from "./server.ts";
import { measureTransformers } from "./transformers.ts";
import { type Measured, measureInTurns, measureMemory, measureStartup, startAll } from "./turns.ts";

const USAGE = `usage: npm run bench -- [options]

  --work FOLDER    folder of bench/peers/llama-server.sh, where models are kept too
  --peers LIST     native, packaged or both (default packaged)
  --models LIST    of {${MODEL_NAMES}}-{${MODEL_TYPES}} (default tiny-f16,synthetic-q4_0,synthetic-q8_0,synthetic-f16)
  --onnx TYPE      serve the models by the ONNX driver in this type; the peers still serve the file of --models
  --rows LIST      of ${Object.keys(MEASUREMENTS)},memory,loop,startup (default all)
  --transformers P Python with torch and transformers, to measure them on the synthetic model
  --threads N      threads that compute, the same for all (default: one for each core)
  --rounds N       measurements of each, taken in turns (default 5)
  --json FILE      write every single measurement there
`;

const SLOTS = 16;
const CONTEXT = 2048;
const MEMORY_SLOTS = 8;
const ROWS = [...Object.keys(MEASUREMENTS), "memory", "loop", "startup"];

const { values: options } = parseArgs({
  options: {
    work: { type: "string", default: join(tmpdir(), "dolly-bench") },
    peers: { type: "string", default: "packaged" },
    models: { type: "string", default: "tiny-f16,synthetic-q4_0,synthetic-q8_0,synthetic-f16" },
    rows: { type: "string", default: ROWS.join(",") },
    threads: { type: "string", default: String(computingCores()) },
    rounds: { type: "string", default: "5" },
    onnx: { type: "string" },
    transformers: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const rounds = wholeNumber("rounds", options.rounds);
  const rows = options.rows.split(",");
  const unknown = rows.find((row) => !ROWS.includes(row));
  if (unknown !== undefined) throw usageError(`--rows ${unknown}: there are ${ROWS.join(", ")}`);
  const served = { threads: wholeNumber("threads", options.threads), slots: SLOTS, context: CONTEXT };
  const work = resolve(options.work);
  const peers = options.peers.split(",").map((name) => ({ name, folder: peerFolder(work, name) }));
  const models = options.models.split(",").map(modelName);
  const facts = { ...machine(), ...served, rounds };
  for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
  const results: Measured[] = [];
  // At once: an hour's measurements outlive what fails after them.
  const keep = (measured: Measured) => {
    results.push(measured);
    print(measured);
    if (options.json === undefined) return;
    writeFileSync(options.json, `${JSON.stringify({ ...facts, results }, null, 2)}\n`);
  };
  for (const [name, type] of models) {
    const model = await benchModel(join(work, "models"), name, type);
    const { gguf, checkpoint, contextLength } = model;
    const onnx = options.onnx === undefined ? {} : { onnx: { model: checkpoint, type: options.onnx } };
    const shape = { ...served, gguf, ...onnx, context: Math.min(CONTEXT, contextLength) };
    const servers = await startAll(shape, peers);
    try {
      const workload = { model, rows: rows.filter((row) => row in MEASUREMENTS) };
      keep(await measureInTurns(servers, workload, rounds));
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
    if (rows.includes("memory")) {
      const filled = { ...shape, slots: MEMORY_SLOTS };
      const measured = await measureMemory(model, filled, peers);
      keep({ model: `${model.name}, memory`, servers: measured, agreement: {} });
    }
  }
  if (rows.includes("loop")) {
    const model = await benchModel(join(work, "models"), "synthetic", "q4_0");
    const servers = await measureEventLoop(model, { ...served, gguf: model.gguf }, rounds);
    keep({ model: `${model.name}, the gateway's event loop`, servers, agreement: {} });
  }
  if (options.transformers !== undefined) {
    const model = await benchModel(join(work, "models"), "synthetic", "q4_0");
    const peer = { python: options.transformers, checkpoint: join(work, "models", "synthetic") };
    const servers = await measureTransformers(model, { ...served, gguf: model.gguf }, peer, rounds);
    keep({ model: `${model.name} beside transformers`, servers, agreement: {} });
  }
  if (rows.includes("startup")) {
    const servers = await measureStartup(join(work, "cache"), { served, peers, rounds });
    keep({ model: "dolly-v2-tiny, from the start", servers, agreement: {} });
  }
  console.log(`\nload average at the end: ${loadText()}`);
}

function print({ model, servers, agreement }: Measured): void {
  console.log(`\n## ${model}\n\n${comparison(servers)}\n`);
  for (const [peer, text] of Object.entries(agreement)) console.log(`${peer}: ${text}`);
}

function machine(): Record<string, string | number> {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: checkout, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "src", "drivers", "bin") === "" ? "" : " with changes";
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD") + changed,
    node: process.version,
    processor: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical`,
    "load average": loadText(),
  };
}

const loadText = (): string =>
  loadavg()
    .map((load) => load.toFixed(2))
    .join(" ");

function modelName(name: string): [(typeof MODEL_NAMES)[number], (typeof MODEL_TYPES)[number]] {
  const [model, type] = name.split("-");
  const knownModel = MODEL_NAMES.find((known) => known === model);
  const knownType = MODEL_TYPES.find((known) => known === type);
  if (knownModel !== undefined && knownType !== undefined) return [knownModel, knownType];
  throw usageError(`--models ${name}: there are {${MODEL_NAMES}}-{${MODEL_TYPES}}`);
}

function peerFolder(work: string, name: string): string {
  const folder = join(work, name);
  if (existsSync(join(folder, "llama-server"))) return folder;
  throw usageError(`${folder} has no llama-server; run: bench/peers/llama-server.sh ${work}`);
}

await asCommand(main, { help: options.help, usage: USAGE });
