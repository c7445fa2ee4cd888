/** Measures this gateway beside llama.cpp's own server. README.md tells the method; `--help` the options. */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { computingCores } from "../drivers/llama-cpp/threads.ts";
import { OperatorError } from "../src/errors.ts";
import { benchModel, MODEL_NAMES, MODEL_TYPES } from "./models.ts";
import { comparison } from "./report.ts";
import { checkout } from "./server.ts";
import { type Measured, measureInTurns, measureStartup, startAll } from "./turns.ts";

const USAGE = `usage: npm run bench -- [options]

  --work FOLDER    folder of bench/peers/llama-server.sh, where models are kept too
  --peers LIST     native, packaged or both (default packaged,native)
  --models LIST    of {${MODEL_NAMES}}-{${MODEL_TYPES}} (default tiny-f16,synthetic-q8_0,synthetic-q4_0)
  --threads N      threads that compute, the same for all (default: one for each core)
  --rounds N       measurements of each, taken in turns (default 5)
  --tokens N       tokens of each answer (default 128)
  --skip-startup   leave out the time from the start to the first token
  --json FILE      write every single measurement there
`;

const SLOTS = 4;
const CONTEXT = 1024;
const PROMPTS = [16, 500];
const CLIENTS = [1, 4];
const REPEATS = 3;

const { values: options } = parseArgs({
  options: {
    work: { type: "string", default: join(tmpdir(), "dolly-bench") },
    peers: { type: "string", default: "packaged,native" },
    models: { type: "string", default: "tiny-f16,synthetic-q8_0,synthetic-q4_0" },
    threads: { type: "string", default: String(computingCores()) },
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "128" },
    "skip-startup": { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const rounds = wholeNumber("rounds");
  const tokens = wholeNumber("tokens");
  const served = { threads: wholeNumber("threads"), slots: SLOTS, context: CONTEXT };
  const work = resolve(options.work);
  const peers = options.peers.split(",").map((name) => ({ name, folder: peerFolder(work, name) }));
  const models = options.models.split(",").map(modelName);
  const facts = { ...machine(), ...served, rounds, tokens };
  for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
  const results: Measured[] = [];
  for (const [name, type] of models) {
    const model = await benchModel(join(work, "models"), name, type);
    const servers = await startAll({ gguf: model.gguf, ...served }, peers);
    try {
      const workload = { model, clients: CLIENTS, tokens, prompts: PROMPTS, repeats: REPEATS };
      const measured = await measureInTurns(servers, workload, rounds);
      results.push(measured);
      print(model.name, measured);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  }
  if (!options["skip-startup"]) {
    const servers = await measureStartup(join(work, "cache"), { served, peers, rounds });
    const measured = { model: "dolly-v2-tiny, from the start", servers, agreement: {} };
    results.push(measured);
    print(measured.model, measured);
  }
  console.log(`\nload average at the end: ${loadText()}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ ...facts, results }, null, 2)}\n`);
  }
}

function print(title: string, { servers, agreement }: Measured): void {
  console.log(`\n## ${title}\n\n${comparison(servers)}\n`);
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

function wholeNumber(name: "threads" | "rounds" | "tokens"): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw usageError(`--${name} ${options[name]}: a whole number above 0 is needed`);
}

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

const usageError = (message: string) => new OperatorError(message, { exitStatus: 2 });

try {
  if (options.help) console.log(USAGE);
  else await main();
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitStatus;
}
