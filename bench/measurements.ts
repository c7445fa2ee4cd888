import type { BenchModel } from "./models.ts";
import { cpuBetween, readCpu } from "./process-cpu.ts";
import { randomPrompt } from "./prompts.ts";
import { type MeasuredServer, MODEL } from "./server.ts";
import { spread } from "./statistics.ts";
import type { StreamClient, StreamedAnswer } from "./stream-client.ts";

/** Figures of one server in one round, by names that end with the unit. */
export type Figures = Readonly<Record<string, number>>;

/** One server in one round; the same round gives every server the same prompts. */
export interface Turn {
  readonly server: MeasuredServer;
  readonly model: BenchModel;
  readonly client: StreamClient;
  readonly round: number;
}

export interface Outcome {
  readonly figures: Figures;
  /** Answers that should be the same on every server. */
  readonly texts?: readonly string[];
}

/** What is measured, by the name that `--rows` takes. */
export const MEASUREMENTS: Readonly<Record<string, (turn: Turn) => Promise<Outcome>>> = {
  decode: decodeAlone,
  clients: manyClients,
  first: firstToken,
  repeated: repeatedPrefix,
  beside: besideStreams,
  scoring: scoring,
  choices: manyChoices,
};

const TOKENS = 64;
/** Tokens of an answer of which only the first text is of interest: one token may be no whole character. */
const FEW_TOKENS = 4;
const REPEATS = 3;

/** One answer behind contexts of several lengths, streamed and in one piece. */
async function decodeAlone(turn: Turn): Promise<Outcome> {
  const figures: Record<string, number> = {};
  const texts: string[] = [];
  for (const context of [128, 1024, 1900]) {
    if (context + TOKENS > turn.model.contextLength) continue;
    const roles = Object.entries(turn.server.processes).map(([role, pid]) => ({
      role,
      pid,
      before: readCpu(pid),
    }));
    const streamed = await answer(
      turn,
      randomPrompt(turn.model, context, `${turn.round} ${context}`),
      TOKENS,
    );
    texts.push(streamed.text);
    const decodeMs = streamed.lastTextMs - streamed.firstTextMs;
    figures[`1 client behind ${context} tokens, tokens/s`] = ((TOKENS - 1) / decodeMs) * 1000;
    if (context !== 128) continue;
    const used = roles.map(({ pid, before }) => cpuBetween(before, readCpu(pid)));
    figures["processor time of all processes, ms a token"] =
      (used.reduce((sum, seconds) => sum + seconds, 0) / TOKENS) * 1000;
    const whole = await timed(() =>
      turn.client.post(
        "/v1/completions",
        request(turn, randomPrompt(turn.model, context, `${turn.round} whole`), TOKENS),
      ),
    );
    figures[`answer of ${TOKENS} tokens in one piece, ms`] = whole;
  }
  const near = figures["1 client behind 128 tokens, tokens/s"];
  const far = figures["1 client behind 1900 tokens, tokens/s"];
  if (near !== undefined && far !== undefined)
    figures["a token behind 1900 over one behind 128"] = near / far;
  return { figures, texts };
}

/** Several clients at once, each with a prompt of 128 tokens: all tokens by the time from the first request to the last token. */
async function manyClients(turn: Turn): Promise<Outcome> {
  const figures: Record<string, number> = {};
  const texts: string[] = [];
  for (const clients of [1, 2, 4, 8, 16]) {
    const prompts = Array.from({ length: clients }, (_, index) =>
      randomPrompt(turn.model, 128, `${turn.round} ${clients} ${index}`),
    );
    const began = performance.now();
    const answers = await Promise.all(prompts.map((prompt) => answer(turn, prompt, 2 * TOKENS)));
    const ended = Math.max(...answers.map(({ sentAt, lastTextMs }) => sentAt + lastTextMs));
    const tokens = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
    figures[`${clients} ${clients === 1 ? "client" : "clients"}, tokens/s`] =
      (tokens / (ended - began)) * 1000;
    texts.push(...answers.map(({ text }) => text));
  }
  const [one = 1] = Object.values(figures);
  figures["throughput of 16 clients over one"] = (Object.values(figures).at(-1) ?? 1) / one;
  return { figures, texts };
}

async function firstToken(turn: Turn): Promise<Outcome> {
  const figures: Record<string, number> = {};
  for (const length of [16, 500]) {
    const times = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const prompt = randomPrompt(turn.model, length, `${turn.round} first ${length} ${repeat}`);
      times.push((await answer(turn, prompt, FEW_TOKENS)).firstTextMs);
    }
    figures[`first token, new prompt of ${length}, ms`] = spread(times).median;
  }
  return { figures };
}

/** A prompt whose first 500 tokens were just computed, for another answer. */
async function repeatedPrefix(turn: Turn): Promise<Outcome> {
  const prefix = randomPrompt(turn.model, 500, `${turn.round} repeated`);
  const times = [];
  for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
    const prompt = [...prefix, ...randomPrompt(turn.model, 8, `${turn.round} tail ${repeat}`)];
    const { firstTextMs } = await answer(turn, prompt, FEW_TOKENS, turn.server.withCache);
    if (repeat > 0) times.push(firstTextMs);
  }
  return { figures: { "first token, 500 of 508 tokens computed before, ms": spread(times).median } };
}

/** New prompts beside eight running streams: when their first token comes, and how long the streams pause for it. */
async function besideStreams(turn: Turn): Promise<Outcome> {
  const figures: Record<string, number> = {};
  for (const length of [500, 1500]) {
    if (length + FEW_TOKENS > turn.model.contextLength) continue;
    const stop = new AbortController();
    const begun = Array.from({ length: 8 }, () => Promise.withResolvers<void>());
    const arrivals = begun.map((): number[] => []);
    const streams = begun.map((stream, index) =>
      turn.client
        .stream(
          "/v1/completions",
          request(
            turn,
            randomPrompt(turn.model, 16, `${turn.round} run ${length} ${index}`),
            turn.model.contextLength - 50,
          ),
          {
            signal: stop.signal,
            onBytes: (at) => {
              arrivals[index]?.push(at);
              if (arrivals[index]?.length === 8) stream.resolve();
            },
          },
        )
        .catch((error: unknown) => {
          stream.reject(error);
          if (!stop.signal.aborted) throw error;
        }),
    );
    try {
      await Promise.all(begun.map(({ promise }) => promise));
      const { sentAt, firstTextMs } = await answer(
        turn,
        randomPrompt(turn.model, length, `${turn.round} beside ${length}`),
        FEW_TOKENS,
      );
      figures[`first token, new prompt of ${length} beside 8 streams, ms`] = firstTextMs;
      if (length < 1500) continue;
      const gaps = (from: number, to: number) =>
        arrivals.flatMap((times) =>
          times.flatMap((at, index) => {
            const before = times[index - 1];
            return before === undefined || at < from || before > to ? [] : [at - before];
          }),
        );
      const usual = spread(gaps(0, sentAt)).median;
      const longest = Math.max(...gaps(sentAt, sentAt + firstTextMs));
      figures["usual gap of 8 streams, ms"] = usual;
      figures["longest gap of 8 streams beside a prompt of 1500, ms"] = longest;
    } finally {
      stop.abort();
      await Promise.all(streams);
    }
  }
  return { figures };
}

/** Scores a prompt of 900 tokens; a server that cannot is measured by how fast it computes one. */
async function scoring(turn: Turn): Promise<Outcome> {
  const prompt = randomPrompt(turn.model, 900, `${turn.round} scored`);
  const ms = turn.server.scores
    ? await timed(() =>
        turn.client.post("/v1/completions", { model: MODEL, prompt, max_tokens: 0, echo: true, logprobs: 0 }),
      )
    : (await answer(turn, prompt, FEW_TOKENS)).firstTextMs;
  return {
    figures: { "scored prompt tokens (the peer: prompt tokens), tokens/s": (prompt.length / ms) * 1000 },
  };
}

async function manyChoices(turn: Turn): Promise<Outcome> {
  const prompt = randomPrompt(turn.model, 128, `${turn.round} choices`);
  const ms = await timed(() =>
    turn.client.post("/v1/completions", { ...request(turn, prompt, TOKENS), n: 8 }),
  );
  return { figures: { [`8 choices of ${TOKENS} tokens for one prompt, ms`]: ms } };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const request = (
  { server, model }: Turn,
  prompt: readonly number[],
  tokens: number,
  fields = server.fields,
) => ({
  model: MODEL,
  prompt,
  max_tokens: tokens,
  temperature: 0,
  // Every answer has its full length.
  logit_bias: Object.fromEntries(model.controlTokens.map((id) => [id, -100])),
  ...fields,
});

async function answer(
  turn: Turn,
  prompt: readonly number[],
  tokens: number,
  fields = turn.server.fields,
): Promise<StreamedAnswer> {
  const streamed = await turn.client.stream("/v1/completions", request(turn, prompt, tokens, fields));
  if (streamed.completionTokens === tokens) return streamed;
  throw new Error(
    `${turn.server.name} generated ${streamed.completionTokens} tokens where ${tokens} were asked for`,
  );
}
