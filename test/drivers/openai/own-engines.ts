import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { startGateway } from "../../gateway-fixture.ts";
import { embeddedModel } from "../../golden-data.ts";

/** An engine in a process of its own that serves the embedded model in float32. */
export interface RunningEngine {
  /** The API's base. */
  readonly base: string;
  /** Ends its process without a word. */
  kill(): Promise<void>;
}

/** Starts one on a port and resolves once it answers. */
export type StartEngine = (port: number) => Promise<RunningEngine>;

/**
 * A free port on which an engine can be started again: none of those that systems give to connections (Linux: from 32,768 on), which
 * another process may hold by then.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(10_000 * Math.random());
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** llama.cpp's server, with two slots of 1,024 tokens. `file`: a GGUF file of the model. */
export const llamaServer =
  (program: string, file: string): StartEngine =>
  (port) =>
    started(program, port, [
      ...["--model", file, "--port", String(port), "--parallel", "2", "--ctx-size", "2048", "--threads", "1"],
    ]);

/** vLLM for CPUs; takes minutes to start. */
export const vllm =
  (program: string): StartEngine =>
  (port) =>
    started(
      program,
      port,
      [
        ...["serve", embeddedModel, "--dtype", "float32", "--max-model-len", "1024", "--enforce-eager"],
        ...["--host", "127.0.0.1", "--port", String(port)],
      ],
      { HF_HUB_OFFLINE: "1", VLLM_NO_USAGE_STATS: "1", VLLM_CPU_KVCACHE_SPACE: "1" },
    );

/** This gateway as an engine of another one. */
export const ownGateway: StartEngine = async (port) => {
  const gateway = await startGateway({ args: [embeddedModel, "--type", "f32", "--port", String(port)] });
  return {
    base: `${gateway.address}/v1`,
    async kill() {
      await gateway.stop("SIGKILL");
    },
  };
};

async function started(
  program: string,
  port: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningEngine> {
  // A group of its own: vLLM computes in children, which live on where only it is killed.
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
    env: { ...process.env, ...env },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  }).then(() => {
    ended = true;
  });
  const health = `http://127.0.0.1:${port}/health`;
  while (!(await answers(health))) {
    if (ended) throw new Error(`${program} ended before it answered: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    base: `http://127.0.0.1:${port}/v1`,
    async kill() {
      if (!ended && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await end;
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
