import type { Completion, CompletionChoice, CompletionUsage } from "openai/resources/completions";
import type { FinishReason, GeneratedToken, GenerationEvent } from "../core/generation.ts";
import { type CompletionLogprobs, LogprobWriter } from "./completion-logprobs.ts";
import { type PromptReport, promptLogprobs } from "./prompt-logprobs.ts";
import type { ReportedTokens } from "./reported-tokens.ts";
import type { ResponseHead } from "./response-head.ts";
import { UsageCounter } from "./usage.ts";

/** Events of all prompts, tagged with the prompt's place in the request. */
type Events = AsyncGenerator<readonly [prompt: number, event: GenerationEvent], void, undefined>;

/** OpenAI's choice, with the nulls that OpenAI sends and its types leave out. */
interface Choice extends Omit<CompletionChoice, "finish_reason" | "logprobs">, PromptReport {
  finish_reason: FinishReason | null;
  logprobs: CompletionLogprobs | null;
  token_ids?: readonly number[];
}

interface CompletionResponse extends Omit<Completion, "choices" | "usage"> {
  readonly choices: readonly Choice[];
  readonly usage?: CompletionUsage | null;
}

export interface CompletionResponseOptions {
  readonly prompts: number;
  /** Answers to each prompt; their indices are prompt-major. */
  readonly choices: number;
  /** Answers that are drawn for each prompt, of which the best `choices` are sent. */
  readonly drawn: number;
  /** Log-probabilities of so many tokens in each place; undefined: of none. */
  readonly logprobs: number | undefined;
  /** Tokens in log-probabilities are named by their ids. */
  readonly asTokenIds: boolean;
  /** The tokens of prompts and answers, where they are to be reported. */
  readonly reported: ReportedTokens | undefined;
  /** Alternatives to each prompt token; undefined: they are not reported. */
  readonly promptLogprobs: number | undefined;
  readonly includeUsage: boolean;
  /** What a prompt's answers begin with; "" without `echo`. Called after the prompt's first event. */
  echo(prompt: number): string;
  /** Known once the first event is there. */
  head(): ResponseHead;
}

/** All answers at once. */
export async function completion(
  events: Events,
  options: CompletionResponseOptions,
): Promise<CompletionResponse> {
  const pieces = new CompletionPieces(options);
  const choices = Array.from({ length: options.prompts * options.drawn }, (_, index) =>
    emptyChoice(index, options.logprobs !== undefined),
  );
  const likelihoods = choices.map(() => new MeanLogprob());
  for await (const [prompt, event] of events) {
    if (event.type === "token") likelihoods[prompt * options.drawn + event.index]?.add(event.tokens);
    for (const piece of pieces.of(prompt, event)) {
      const choice = choices[piece.index];
      if (choice === undefined) throw new RangeError(`the model answered choice ${piece.index}`);
      const { text, finish_reason, logprobs: _, token_ids, index: __, ...report } = piece;
      choice.text += text;
      choice.finish_reason = finish_reason;
      if (token_ids !== undefined) choice.token_ids = [...(choice.token_ids ?? []), ...token_ids];
      Object.assign(choice, report);
      if (piece.logprobs === null) continue;
      choice.logprobs?.tokens.push(...piece.logprobs.tokens);
      choice.logprobs?.token_logprobs.push(...piece.logprobs.token_logprobs);
      choice.logprobs?.top_logprobs.push(...piece.logprobs.top_logprobs);
      choice.logprobs?.text_offset.push(...piece.logprobs.text_offset);
    }
  }
  const sent = bestChoices(choices, likelihoods, options);
  return { ...options.head(), object: "text_completion", choices: sent, usage: pieces.usage() };
}

/** Of each prompt's answers the likeliest ones, best first where some are dropped. */
function bestChoices(
  choices: readonly Choice[],
  likelihoods: readonly MeanLogprob[],
  { drawn, choices: wanted }: CompletionResponseOptions,
): Choice[] {
  if (drawn === wanted) return [...choices];
  const mean = ({ index }: Choice) => likelihoods[index]?.value ?? 0;
  const byPrompt = Map.groupBy(choices, ({ index }) => Math.floor(index / drawn));
  return [...byPrompt.values()]
    .flatMap((answers) => answers.toSorted((a, b) => mean(b) - mean(a)).slice(0, wanted))
    .map((choice, index) => ({ ...choice, index }));
}

/** Log-probability of an answer's tokens on average, the end token among them. */
class MeanLogprob {
  #sum = 0;
  #count = 0;

  add(tokens: readonly GeneratedToken[]): void {
    for (const { logprob = 0 } of tokens) this.#sum += logprob;
    this.#count += tokens.length;
  }

  get value(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }
}

/** The answers in chunks, tagged by index; the last chunk of each has its finish reason; then the usage. */
export async function* completionChunks(
  events: Events,
  options: CompletionResponseOptions,
): AsyncGenerator<CompletionResponse, void, undefined> {
  const pieces = new CompletionPieces(options);
  const noUsage = options.includeUsage ? { usage: null } : {};
  for await (const [prompt, event] of events) {
    for (const choice of pieces.of(prompt, event)) {
      yield { ...options.head(), object: "text_completion", choices: [choice], ...noUsage };
    }
  }
  if (options.includeUsage) {
    yield { ...options.head(), object: "text_completion", choices: [], usage: pieces.usage() };
  }
}

const emptyChoice = (index: number, logprobs: boolean): Choice => ({
  index,
  text: "",
  logprobs: logprobs ? { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] } : null,
  finish_reason: null,
});

/** What each event adds to the choices. */
class CompletionPieces {
  readonly #options: CompletionResponseOptions;
  readonly #usage = new UsageCounter();
  readonly #writers: readonly LogprobWriter[];

  constructor(options: CompletionResponseOptions) {
    this.#options = options;
    this.#writers = Array.from(
      { length: options.prompts * options.drawn },
      () => new LogprobWriter(options.asTokenIds),
    );
  }

  usage = (): CompletionUsage => this.#usage.usage();

  of(prompt: number, event: GenerationEvent): Choice[] {
    const { drawn, logprobs, echo, reported, promptLogprobs: count } = this.#options;
    this.#usage.add(event);
    const first = prompt * drawn;
    const write = (index: number, ...[tokens, options]: Parameters<LogprobWriter["write"]>) =>
      logprobs === undefined ? null : (this.#writers[index]?.write(tokens, options) ?? null);
    const ids = reported?.promptTokens(prompt);
    if (event.type === "start") {
      const text = echo(prompt);
      const report: PromptReport = {
        ...(count === undefined
          ? {}
          : { prompt_logprobs: promptLogprobs(event.promptLogprobs ?? [], count) }),
        ...(ids === undefined ? {} : { prompt_token_ids: ids }),
      };
      if (text === "" && Object.keys(report).length === 0) return [];
      const echoed = text === "" ? [] : (event.promptLogprobs ?? []);
      const shown = echoed.map((token) => ({ ...token, top: token.top.slice(0, logprobs) }));
      return Array.from({ length: drawn }, (_, choice) => ({
        ...emptyChoice(first + choice, false),
        text,
        logprobs: text === "" ? null : write(first + choice, shown, { echoed: true }),
        ...report,
      }));
    }
    const index = first + event.index;
    const tokens = reported?.take(prompt, event.index) ?? [];
    const told = tokens.length > 0 ? { token_ids: tokens } : {};
    if (event.type === "finish") {
      return [{ ...emptyChoice(index, false), finish_reason: event.reason, ...told }];
    }
    const silent = (logprobs === undefined || event.tokens.length === 0) && tokens.length === 0;
    if (event.text === "" && silent) return [];
    return [
      {
        ...emptyChoice(index, false),
        text: event.text,
        logprobs: write(index, event.tokens, { echoed: false }),
        ...told,
      },
    ];
  }
}
