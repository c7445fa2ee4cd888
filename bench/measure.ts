import { createHash } from "node:crypto";
import { Random } from "../drivers/local/random.ts";
import type { BenchModel } from "./models.ts";
import { cpuBetween, readCpu } from "./process-cpu.ts";
import { type MeasuredServer, MODEL } from "./server.ts";
import { StreamClient, type StreamedAnswer } from "./stream-client.ts";

/** Figures of one server in one round, by names that end with the unit. */
export type Figures = Readonly<Record<string, number>>;

export interface Workload {
  readonly model: BenchModel;
  /** Clients of each decode measurement, each with a stream of its own. */
  readonly clients: readonly number[];
  /** Tokens of every answer that is decoded. */
  readonly tokens: number;
  /** Tokens of the prompts whose first token is waited for; the first of them is also the prompt of a decode. */
  readonly prompts: readonly number[];
  /** Times that the first token is waited for; the round takes the median. */
  readonly repeats: number;
}

/** Tokens of an answer of which only the first text is of interest: one token may be no whole character. */
const FEW_TOKENS = 4;
/** Ids below this are control tokens and single bytes in the family's vocabularies. */
const FIRST_WORD = 300;

/** All that is measured of one server in one round. The same round gives every server the same prompts. */
export async function measureRound(
  server: MeasuredServer,
  workload: Workload,
  round: number,
): Promise<{ figures: Figures; texts: string[] }> {
  const client = new StreamClient(server.base, { keepAlive: false });
  const figures: Record<string, number> = {};
  const texts: string[] = [];
  try {
    for (const length of workload.prompts) {
      const answers: StreamedAnswer[] = [];
      for (let repeat = 0; repeat < workload.repeats; repeat += 1) {
        const prompt = randomPrompt(workload.model, length, `${round} first ${length} ${repeat}`);
        answers.push(await answer(client, server, workload.model, prompt, FEW_TOKENS));
      }
      const times = answers.map(({ firstTextMs }) => firstTextMs).toSorted((a, b) => a - b);
      figures[`first token, prompt of ${length}, ms`] = times[Math.floor(times.length / 2)] ?? Number.NaN;
    }
    for (const clients of workload.clients) {
      const measured = await decode(client, server, workload, { clients, round });
      Object.assign(figures, measured.figures);
      texts.push(...measured.texts);
    }
  } finally {
    client.close();
  }
  return { figures, texts };
}

async function decode(
  client: StreamClient,
  server: MeasuredServer,
  { model, tokens, prompts }: Workload,
  { clients, round }: { clients: number; round: number },
): Promise<{ figures: Figures; texts: string[] }> {
  const roles = Object.entries(server.processes).map(([role, pid]) => ({ role, pid, before: readCpu(pid) }));
  const answers = await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      answer(
        client,
        server,
        model,
        randomPrompt(model, prompts[0] ?? 1, `${round} decode ${clients} ${index}`),
        tokens,
      ),
    ),
  );
  const used = roles.map(({ role, pid, before }) => ({ role, seconds: cpuBetween(before, readCpu(pid)) }));
  const inAll = { role: "server in all", seconds: used.reduce((sum, { seconds }) => sum + seconds, 0) };
  const streams = `${clients} ${clients === 1 ? "client" : "clients"}`;
  const streamed = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return {
    texts: answers.map(({ text }) => text),
    figures: {
      [`decode, ${streams}, tokens/s`]: answers.reduce((sum, one) => sum + decodeRate(one), 0),
      ...Object.fromEntries(
        [...(used.length > 1 ? used : []), inAll].map(({ role, seconds }) => [
          `CPU of the ${role}, ${streams}, µs/token`,
          (seconds / streamed) * 1e6,
        ]),
      ),
    },
  };
}

/** Tokens a second of one stream once it has begun: the prompt is no part of it. */
const decodeRate = ({ completionTokens, firstTextMs, lastTextMs }: StreamedAnswer): number =>
  ((completionTokens - 1) / (lastTextMs - firstTextMs)) * 1000;

async function answer(
  client: StreamClient,
  server: MeasuredServer,
  model: BenchModel,
  prompt: readonly number[],
  tokens: number,
): Promise<StreamedAnswer> {
  const streamed = await client.stream("/v1/completions", {
    model: MODEL,
    prompt,
    max_tokens: tokens,
    temperature: 0,
    // Every answer has its full length.
    logit_bias: Object.fromEntries(model.endTokens.map((id) => [id, -100])),
    ...server.fields,
  });
  if (streamed.completionTokens === tokens) return streamed;
  throw new Error(
    `${server.name} generated ${streamed.completionTokens} tokens where ${tokens} were asked for`,
  );
}

/** Random words, the same for the same label: no two prompts share a beginning that a cache could know. */
function randomPrompt({ vocabularySize }: BenchModel, length: number, label: string): number[] {
  const seed = createHash("sha256").update(label).digest().readUIntLE(0, 6);
  const random = new Random(seed, 0);
  const words = vocabularySize - FIRST_WORD;
  return Array.from({ length }, () => FIRST_WORD + Math.floor(random.next() * words));
}
