import type { Completion, CompletionChoice, CompletionUsage } from "openai/resources/completions";
import type { FinishReason, GeneratedToken, GenerationEvent } from "../core/generation.ts";
import { type CompletionLogprobs, LogprobWriter } from "./completion-logprobs.ts";
import type { ResponseHead } from "./response-head.ts";
import { UsageCounter } from "./usage.ts";

/** Events of all prompts, tagged with the prompt's place in the request. */
type Events = AsyncGenerator<readonly [prompt: number, event: GenerationEvent], void, undefined>;

/** OpenAI's choice, with the nulls that OpenAI sends and its types leave out. */
interface Choice extends Omit<CompletionChoice, "finish_reason" | "logprobs"> {
  finish_reason: FinishReason | null;
  logprobs: CompletionLogprobs | null;
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
  readonly logprobs: boolean;
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
    emptyChoice(index, options.logprobs),
  );
  const likelihoods = choices.map(() => new MeanLogprob());
  for await (const [prompt, event] of events) {
    if (event.type === "token") likelihoods[prompt * options.drawn + event.index]?.add(event.tokens);
    for (const piece of pieces.of(prompt, event)) {
      const choice = choices[piece.index];
      if (choice === undefined) throw new RangeError(`the model answered choice ${piece.index}`);
      choice.text += piece.text;
      choice.finish_reason = piece.finish_reason;
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
    this.#writers = Array.from({ length: options.prompts * options.drawn }, () => new LogprobWriter());
  }

  usage = (): CompletionUsage => this.#usage.usage();

  of(prompt: number, event: GenerationEvent): Choice[] {
    const { drawn, logprobs, echo } = this.#options;
    this.#usage.add(event);
    const first = prompt * drawn;
    const write = (index: number, ...[tokens, options]: Parameters<LogprobWriter["write"]>) =>
      logprobs ? (this.#writers[index]?.write(tokens, options) ?? null) : null;
    if (event.type === "start") {
      const text = echo(prompt);
      if (text === "") return [];
      return Array.from({ length: drawn }, (_, choice) => ({
        ...emptyChoice(first + choice, false),
        text,
        logprobs: write(first + choice, event.promptLogprobs ?? [], { echoed: true }),
      }));
    }
    const index = first + event.index;
    if (event.type === "finish") return [{ ...emptyChoice(index, false), finish_reason: event.reason }];
    if (event.text === "" && (!logprobs || event.tokens.length === 0)) return [];
    return [
      {
        ...emptyChoice(index, false),
        text: event.text,
        logprobs: write(index, event.tokens, { echoed: false }),
      },
    ];
  }
}
