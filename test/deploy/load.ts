import { join } from "node:path";
import { root } from "./check.ts";

/** The key that reads the gateway's metrics. */
export const METRICS_KEY = "scrapes";

/**
 * A model of each kind of series: one that computes (KV cache, memory), a scripted one whose first placement cannot be
 * loaded (fail-overs, a failed state), and one that fails in the middle of its answers (errors).
 */
export const LOADED_CONFIG = `
metrics_key: ${METRICS_KEY}
models:
  dolly-v2-tiny:
    preload: true
    placements: [{ driver: llama-cpp, model: ${join(root, "models", "dolly-v2-tiny")}, type: f16, threads: 1 }]
  second:
    template: plain
    placements:
      - { driver: llama-cpp, model: /nowhere }
      - { driver: fake, parallel: 2, tokens_per_second: 100, answers: [{ texts: [an answer of some length] }] }
  crashes:
    template: plain
    placements:
      - { driver: fake, tokens_per_second: 100, answers: [{ texts: [it ends here and now] }], crash_on: here }
`;

/** Asks every model, one request after the other on four connections, until it is told to stop. */
export async function load(address: string, signal: AbortSignal): Promise<void> {
  const client = async (model: string, max_tokens: number): Promise<void> => {
    while (!signal.aborted) {
      const body = { model, prompt: "What is the capital of Texas?", stream: true, max_tokens };
      const answer = await fetch(`${address}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${model}: status ${answer.status}: ${text}`);
    }
  };
  await Promise.all([
    client("dolly-v2-tiny-instruct", 40),
    client("dolly-v2-tiny-instruct", 40),
    client("second", 20),
    client("crashes", 40),
  ]);
}
