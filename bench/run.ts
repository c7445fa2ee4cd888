/** Measures this gateway beside llama.cpp's own server. README.md tells the method; `--help` the options. */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { computingCores } from "../drivers/llama-cpp/threads.ts";
import { OperatorError } from "../src/errors.ts";
import { type Figures, measureRound, type Workload } from "./measure.ts";
import { benchModel, MODEL_NAMES, MODEL_TYPES } from "./models.ts";
import { agreement, comparison, type ServerRounds } from "./report.ts";
import { checkout, type MeasuredServer, type ServedModel, startGateway, startLlamaServer } from "./server.ts";
import { convertedModel, gatewayStartup, llamaServerStartup } from "./startup.ts";

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
const REPEATS = 5;

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

interface Measured {
  readonly model: string;
  readonly servers: readonly ServerRounds[];
  /** What the peers' answers have in common with the gateway's. */
  readonly agreement: Readonly<Record<string, string>>;
}

async function main(): Promise<void> {
  const threads = wholeNumber("threads");
  const rounds = wholeNumber("rounds");
  const work = resolve(options.work);
  const peers = options.peers.split(",").map((name) => ({ name, folder: peerFolder(work, name) }));
  const facts = machine(threads);
  console.log(
    Object.entries(facts)
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n"),
  );
  const results: Measured[] = [];
  for (const name of options.models.split(",")) {
    const model = await benchModel(join(work, "models"), ...modelName(name));
    const served = { gguf: model.gguf, threads, slots: SLOTS, context: CONTEXT };
    const workload = {
      model,
      clients: CLIENTS,
      tokens: wholeNumber("tokens"),
      prompts: PROMPTS,
      repeats: REPEATS,
    };
    const servers = await startAll(served, peers);
    try {
      const measured = await measureInTurns(servers, workload, rounds);
      results.push(measured);
      console.log(`\n## ${name}, threads: ${threads}\n\n${comparison(measured.servers)}\n`);
      for (const [peer, text] of Object.entries(measured.agreement)) console.log(`${peer}: ${text}`);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  }
  if (!options["skip-startup"]) {
    const servers = await measureStartup(join(work, "cache"), { threads, peers, rounds });
    results.push({ model: "startup", servers, agreement: {} });
    console.log(`\n## From the start to the first token, embedded model\n\n${comparison(servers)}\n`);
  }
  console.log(`load average at the end: ${loadText()}`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ ...facts, results }, null, 2)}\n`);
}

interface Peer {
  readonly name: string;
  readonly folder: string;
}

async function startAll(model: ServedModel, peers: readonly Peer[]): Promise<MeasuredServer[]> {
  const started: MeasuredServer[] = [];
  try {
    started.push(await startGateway(model));
    for (const { name, folder } of peers) started.push(await startLlamaServer(folder, name, model));
    return started;
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
}

async function measureInTurns(
  servers: readonly MeasuredServer[],
  workload: Workload,
  rounds: number,
): Promise<Measured> {
  const figures = new Map(servers.map(({ name }) => [name, [] as Figures[]]));
  const texts = new Map(servers.map(({ name }) => [name, [] as string[]]));
  // Round 0 warms up; each round begins with another server.
  for (let round = 0; round <= rounds; round += 1) {
    console.error(`${workload.model.name}: ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}`);
    for (let turn = 0; turn < servers.length; turn += 1) {
      const server = servers[(round + turn) % servers.length];
      if (server === undefined) continue;
      const measured = await measureRound(server, workload, round);
      if (round === 0) continue;
      figures.get(server.name)?.push(measured.figures);
      texts.get(server.name)?.push(...measured.texts);
    }
  }
  const [ours = "", ...others] = servers.map(({ name }) => name);
  return {
    model: workload.model.name,
    servers: [...figures].map(([name, rounds]) => ({ name, rounds })),
    agreement: Object.fromEntries(
      others.map((name) => [name, agreement(texts.get(ours) ?? [], texts.get(name) ?? [])]),
    ),
  };
}

async function measureStartup(
  cache: string,
  { threads, peers, rounds }: { threads: number; peers: readonly Peer[]; rounds: number },
): Promise<ServerRounds[]> {
  const name = "start to first token, ms";
  await gatewayStartup(cache);
  const served = { gguf: await convertedModel(cache), threads, slots: SLOTS, context: CONTEXT };
  const measured = new Map<string, Figures[]>([
    ["gateway", []],
    ...peers.map((peer): [string, Figures[]] => [peer.name, []]),
  ]);
  for (let round = 0; round < rounds; round += 1) {
    measured.get("gateway")?.push({ [name]: await gatewayStartup(cache) });
    for (const peer of peers) {
      measured.get(peer.name)?.push({ [name]: await llamaServerStartup(peer.folder, served) });
    }
  }
  return [...measured].map(([server, figures]) => ({ name: server, rounds: figures }));
}

function machine(threads: number): Record<string, string | number> {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: checkout, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "src", "drivers", "bin") === "" ? "" : " with changes";
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD") + changed,
    node: process.version,
    processor: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical`,
    threads,
    slots: SLOTS,
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
