import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Figures } from "./measurements.ts";
import type { BenchModel } from "./models.ts";
import { randomPrompt } from "./prompts.ts";
import type { ServerRounds } from "./report.ts";
import { checkout, MODEL, type ServedModel, startGateway } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const PROMPT = 128;
const TOKENS = 128;
const NAME = `whole answer of ${TOKENS} tokens behind ${PROMPT}, ms`;

export interface TransformersPeer {
  /** A Python that has torch and transformers. */
  readonly python: string;
  /** Folder of the checkpoint that the gateway's file was converted from. */
  readonly checkpoint: string;
}

/** Whole answers of the gateway and of transformers in two precisions, in turns. */
export async function measureTransformers(
  model: BenchModel,
  served: ServedModel,
  { python, checkpoint }: TransformersPeer,
  rounds: number,
): Promise<ServerRounds[]> {
  const peer = await startTransformers(python, checkpoint, served.threads);
  const gateway = await startGateway(served);
  const client = new StreamClient(gateway.base, { keepAlive: false });
  const measured: Record<string, Figures[]> = { gateway: [], float32: [], bfloat16: [] };
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const prompt = randomPrompt(model, PROMPT, `${round} transformers`);
      const began = performance.now();
      await client.post("/v1/completions", {
        model: MODEL,
        prompt,
        max_tokens: TOKENS,
        temperature: 0,
        logit_bias: Object.fromEntries(model.controlTokens.map((id) => [id, -100])),
      });
      const times: Record<string, number> = { gateway: performance.now() - began };
      for (const dtype of ["float32", "bfloat16"]) {
        times[dtype] = 1000 * (await peer.answer({ prompt, tokens: TOKENS, dtype }));
      }
      if (round === 0) continue;
      for (const [name, ms] of Object.entries(times)) measured[name]?.push({ [NAME]: ms });
    }
  } finally {
    client.close();
    peer.stop();
    await gateway.stop();
  }
  return Object.entries(measured).map(([name, figures]) => ({ name, rounds: figures }));
}

async function startTransformers(python: string, checkpoint: string, threads: number) {
  const script = join(checkout, "bench", "peers", "transformers_answer.py");
  const child = spawn(python, [script, checkpoint, String(threads)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw new Error(`${python} ${script} ended`);
    return line.value;
  };
  if ((await next()) !== "ready") throw new Error(`${script} did not get ready`);
  return {
    /** Seconds of one answer. */
    async answer(wanted: object): Promise<number> {
      child.stdin.write(`${JSON.stringify(wanted)}\n`);
      return Number(await next());
    },
    stop: () => child.kill(),
  };
}
