import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

export interface RunningGateway {
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  readonly process: ChildProcess;
  /** The config file, if it was started with one. */
  readonly configFile: string;
  /** Everything it has printed so far. */
  output(): string;
  client(): OpenAI;
  /** Process ids of its engines (Linux). */
  enginePids(): number[];
  /** Ends it as an operator would and gives the exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface GatewayStart {
  /** Arguments after `serve`. */
  readonly args?: readonly string[];
  /** Contents of a config file. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `dolly serve` on a free port with a cache folder of its own and waits for its address. */
export async function startGateway({
  args = [],
  config,
  env = {},
}: GatewayStart = {}): Promise<RunningGateway> {
  const scratch = mkdtempSync(join(tmpdir(), "dolly-test-"));
  const configFile = join(scratch, "dolly.yaml");
  const configArgs = config === undefined ? [] : ["--config", configFile];
  if (config !== undefined) writeFileSync(configFile, config);
  const child = spawn(
    process.execPath,
    [join(checkout, "bin", "dolly.js"), "serve", "--port", "0", ...configArgs, ...args],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DOLLY_CACHE: process.env["DOLLY_TEST_CACHE"] ?? join(scratch, "cache"), ...env },
    },
  );
  let printed = "";
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (status) => {
      rmSync(scratch, { recursive: true, force: true });
      resolve(status);
    });
  });
  child.stderr.on("data", (data: Buffer) => {
    printed += data.toString();
  });
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      printed += `${line}\n`;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
    void exited.then((status) => reject(new Error(`dolly serve ended with status ${status}:\n${printed}`)));
  });
  return {
    address,
    process: child,
    configFile,
    output: () => printed,
    client: () => new OpenAI({ baseURL: `${address}/v1`, apiKey: "unused", maxRetries: 0 }),
    enginePids: () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")
        .trim()
        .split(" ")
        .filter((pid) => pid !== "")
        .map(Number),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return exited;
    },
  };
}
