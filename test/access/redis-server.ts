import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { freePort } from "../../bench/free-port.ts";

/** Whether a Redis can be started here. */
export const redisAtHand = spawnSync("redis-server", ["--version"]).status === 0;

export interface RedisServer {
  readonly url: string;
  start(): Promise<void>;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Stops it from answering, with its connections open, until `resume`. */
  pause(): void;
  resume(): void;
}

/** A Redis of its own on a free port of the loopback, which keeps nothing on disk. */
export async function redisServer(): Promise<RedisServer> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
      const started = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
      child = started;
      await new Promise<void>((resolve, reject) => {
        started.stdout.on("data", (data: Buffer) => {
          if (data.toString().includes("Ready to accept connections")) resolve();
        });
        started.once("exit", (status) => reject(new Error(`redis-server ended with status ${status}`)));
      });
    },
    async kill() {
      const running = child;
      child = undefined;
      if (running === undefined) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGKILL");
      await ended;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}
