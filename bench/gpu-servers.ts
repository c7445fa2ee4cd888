import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { freePort } from "./free-port.ts";
import { checkout, MODEL, startServer } from "./server.ts";

/** A server that has its model loaded. */
export interface GpuServer {
  readonly base: string;
  stop(): Promise<void>;
}

export interface Room {
  /** Answers at the same time. */
  readonly slots: number;
  /** Tokens of one answer with its prompt. */
  readonly context: number;
}

/** This gateway with one placement. Conversions and CUDA's libraries are those of the usual cache. */
export async function startPlacement(
  placement: Readonly<Record<string, unknown>>,
  { slots, context }: Room,
): Promise<GpuServer> {
  const scratch = await mkdtemp(join(tmpdir(), "dolly-bench-gpu-"));
  const config = join(scratch, "dolly.yaml");
  const placements = [{ ...placement, parallel: slots }];
  await writeFile(
    config,
    stringify({ version: 1, models: { [MODEL]: { preload: true, max_model_len: context, placements } } }),
  );
  const port = await freePort();
  try {
    const server = await startServer({
      program: process.execPath,
      args: [join(checkout, "bin", "dolly.js"), "serve", "--config", config, "--port", String(port)],
      ready: /^Ready/,
    });
    return {
      base: `http://127.0.0.1:${port}`,
      async stop() {
        await server.stop();
        await rm(scratch, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

export const hasVllm = (): boolean => spawnSync("vllm", ["--version"]).status === 0;

/** `vllm serve`, out of the environment that the bench runs in. */
export async function startVllm(checkpoint: string, { slots, context }: Room): Promise<GpuServer> {
  const port = await freePort();
  const options = {
    "--served-model-name": MODEL,
    "--host": "127.0.0.1",
    "--port": port,
    "--dtype": "float16",
    "--max-model-len": context,
    "--max-num-seqs": slots,
  };
  const server = await startServer({
    program: "vllm",
    args: ["serve", checkpoint, ...Object.entries(options).flatMap(([name, value]) => [name, String(value)])],
    ready: /Application startup complete/,
  });
  return { base: `http://127.0.0.1:${port}`, stop: server.stop };
}
