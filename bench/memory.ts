import { readFileSync } from "node:fs";
import type { BenchModel } from "./models.ts";
import { randomPrompt } from "./prompts.ts";
import { type MeasuredServer, MODEL } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

/**
 * Memory of a server once all its slots have been filled, in MiB: what its processes hold alone and their part of what
 * they share (Linux: proportional set size), the mapped weights included.
 */
export async function filledMemory(
  server: MeasuredServer,
  model: BenchModel,
  slots: number,
  context: number,
): Promise<number> {
  const client = new StreamClient(server.base, { keepAlive: false });
  try {
    await Promise.all(
      Array.from({ length: slots }, (_, index) =>
        client.post("/v1/completions", {
          model: MODEL,
          prompt: randomPrompt(model, context - 16, `fill ${index}`),
          max_tokens: 8,
          ...server.fields,
        }),
      ),
    );
  } finally {
    client.close();
  }
  return Object.values(server.processes).reduce((sum, pid) => sum + proportionalSetSize(pid), 0);
}

function proportionalSetSize(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/smaps_rollup tells no Pss`);
  return Number(kilobytes) / 1024;
}
