import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { ProbeReading } from "./event-loop-probe.ts";
import { freePort } from "./free-port.ts";

export const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

/** Name under which every measured server has its model. */
export const MODEL = "bench";

/** A server that is up and has its model loaded. */
export interface MeasuredServer {
  readonly name: string;
  /** Such as `http://127.0.0.1:8000`. */
  readonly base: string;
  /** Process ids by what the process does; a server may be one process or several. */
  readonly processes: Readonly<Record<string, number>>;
  /** Request fields that only this server knows. */
  readonly fields: object;
  /** The same where a prompt that was computed before may be used again. */
  readonly withCache: object;
  /** Whether it tells the log-probabilities of a prompt (`echo` with `logprobs`). */
  readonly scores: boolean;
  stop(): Promise<void>;
}

export interface ServedModel {
  readonly gguf: string;
  /** What the gateway serves in the file's place: a checkpoint by the ONNX driver. */
  readonly onnx?: { readonly model: string; readonly type: string };
  readonly threads: number;
  /** Answers at the same time. */
  readonly slots: number;
  /** Tokens of one answer with its prompt. */
  readonly context: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Matches a line that the server prints once it can be used. */
  readonly ready: RegExp;
  /** Whether it is a Node program that is to be sent messages. */
  readonly messages?: boolean;
}

export interface RunningServer {
  readonly pid: number;
  readonly process: ChildProcess;
  /** The line that said that it is ready. */
  readonly line: string;
  /** Ends the server and whatever it started. */
  stop(): Promise<void>;
}

/** Starts a server and resolves with its first line that matches `ready`; throws with what it printed where it ends before. */
export async function startServer(command: Command): Promise<RunningServer> {
  const { program, args, env = {}, ready, messages = false } = command;
  // A process group of its own: a program that npm starts is ended with npm.
  const child = spawn(program, args, {
    cwd: checkout,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", messages ? "ipc" : "ignore"],
    env: { ...process.env, ...env },
  });
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (status, signal) => resolve(signal ?? `status ${status}`));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program}: ${await exited}`);
  endWithBench(child);
  const line = await readyLine(child, ready, exited, program);
  return {
    pid,
    process: child,
    line,
    async stop() {
      endGroup(child);
      await exited;
    },
  };
}

const started: ChildProcess[] = [];

/** No server outlives the bench, however that ends. */
function endWithBench(child: ChildProcess): void {
  if (started.length === 0) {
    process.once("exit", () => started.forEach(endGroup));
    process.once("SIGINT", () => process.exit(130));
    process.once("SIGTERM", () => process.exit(143));
  }
  started.push(child);
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGTERM");
}

function readyLine(
  child: ChildProcess,
  ready: RegExp,
  exited: Promise<string>,
  program: string,
): Promise<string> {
  const printed: string[] = [];
  return new Promise((resolve, reject) => {
    for (const input of [child.stdout, child.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on("line", (line) => {
        if (printed.length < 200) printed.push(line);
        if (ready.test(line)) resolve(line);
      });
    }
    void exited.then((how) => reject(new Error(`${program} ended (${how}):\n${printed.join("\n")}`)));
  });
}

/** Arguments for Node that let `probe` ask a gateway about its event loop. */
export const probeArgs = ["--import", new URL("./event-loop-probe.ts", import.meta.url).href];

/** What happened in a gateway's process since it was asked last; it was started with `probeArgs` and takes messages. */
export const probe = ({ process: child }: Pick<RunningServer, "process">): Promise<ProbeReading> =>
  new Promise((resolve) => {
    child.once("message", (reading: ProbeReading) => resolve(reading));
    child.send("read");
  });

/** This gateway with one model file, every other option at its default. */
export async function startGateway(
  { gguf, onnx, threads, slots, context }: ServedModel,
  { probed = false } = {},
): Promise<MeasuredServer & { probe(): Promise<ProbeReading> }> {
  const scratch = await mkdtemp(join(tmpdir(), "dolly-bench-"));
  const config = join(scratch, "dolly.yaml");
  const engine =
    onnx === undefined ? { driver: "llama-cpp", model: gguf, gpu: "none" } : { driver: "onnx", ...onnx };
  const placement = { ...engine, threads, parallel: slots };
  const models = { [MODEL]: { preload: true, max_model_len: context, placements: [placement] } };
  await writeFile(config, stringify({ models }));
  const port = await freePort();
  const server = await startServer({
    program: process.execPath,
    args: [
      ...(probed ? probeArgs : []),
      join(checkout, "bin", "dolly.js"),
      "serve",
      "--config",
      config,
      "--port",
      String(port),
    ],
    // Conversions are kept from one start to the next.
    env: { DOLLY_CACHE: onnx === undefined ? join(scratch, "cache") : join(dirname(gguf), "cache") },
    ready: /^Ready/,
    messages: probed,
  });
  const children = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
  return {
    name: "gateway",
    base: `http://127.0.0.1:${port}`,
    processes: { gateway: server.pid, engine: Number(children.trim().split(" ")[0]) },
    fields: {},
    withCache: {},
    scores: true,
    probe: () => probe(server),
    async stop() {
      await server.stop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** llama-server out of one of the folders that `bench/peers/llama-server.sh` makes. */
export async function startLlamaServer(
  folder: string,
  name: string,
  model: ServedModel,
): Promise<MeasuredServer> {
  const port = await freePort();
  const server = await startServer(llamaServerCommand(folder, model, port));
  return {
    name,
    base: `http://127.0.0.1:${port}`,
    processes: { server: server.pid },
    // The gateway computes every prompt whole; so must its peer.
    fields: { cache_prompt: false },
    withCache: { cache_prompt: true },
    scores: false,
    stop: server.stop,
  };
}

export function llamaServerCommand(
  folder: string,
  { gguf, threads, slots, context }: ServedModel,
  port: number,
): Command {
  const options = {
    "--model": gguf,
    "--alias": MODEL,
    "--host": "127.0.0.1",
    "--port": port,
    "--ctx-size": slots * context,
    "--parallel": slots,
    "--threads": threads,
    "--cache-ram": 0,
  };
  return {
    program: join(folder, "llama-server"),
    args: Object.entries(options).flatMap(([option, value]) => [option, String(value)]),
    env: { LD_LIBRARY_PATH: folder },
    ready: /listening on http/,
  };
}
