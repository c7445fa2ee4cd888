import { BLOCK_CHARACTERS } from "../../src/routing/strategy/prefix.ts";
import { Random } from "./random.ts";

/** A request of the simulation. */
export interface SimulatedRequest {
  /** Seconds from the start. */
  readonly at: number;
  readonly text: string;
  readonly answerTokens: number;
}

/** Shares of the requests: conversations that grow, questions behind shared heads (few-shot, documents), and others. */
const CONVERSATIONS = 0.4;
const SHARED_HEADS = 0.4;
const HEADS = 300;
const HEAD_CHARACTERS = 4000;
const QUESTION_CHARACTERS = 400;
const TURNS = 5;
const THINKING_SECONDS = 15;
const ANSWER_TOKENS = 100;
const CHARACTERS_PER_TOKEN = 4;

/** Requests that come at that many a second for so long, in the order of their times. */
export function workload(perSecond: number, seconds: number, seed: number): SimulatedRequest[] {
  const random = new Random(seed);
  const requests: SimulatedRequest[] = [];
  let texts = 0;
  /** Text that nothing else begins like. */
  const unique = (characters: number): string => {
    texts += 1;
    return filler(`${texts} `, Math.max(1, characters));
  };
  const answer = (): number => Math.ceil(random.logNormal(ANSWER_TOKENS, 0.7));
  const question = (): string => unique(random.logNormal(QUESTION_CHARACTERS, 0.6));
  // A conversation brings several requests: fewer of them begin.
  const beginnings = perSecond * (CONVERSATIONS / TURNS + 1 - CONVERSATIONS);
  for (let at = random.exponential(1 / beginnings); at < seconds; at += random.exponential(1 / beginnings)) {
    const kind = random.next() * (CONVERSATIONS / TURNS + 1 - CONVERSATIONS);
    if (kind < CONVERSATIONS / TURNS) {
      let text = "";
      let when = at;
      for (let turn = 0; turn < TURNS && when < seconds; turn += 1) {
        text += question();
        const answerTokens = answer();
        requests.push({ at: when, text, answerTokens });
        text += unique(answerTokens * CHARACTERS_PER_TOKEN);
        when += random.exponential(THINKING_SECONDS);
      }
    } else if (kind < CONVERSATIONS / TURNS + SHARED_HEADS) {
      const head = filler(`head ${random.zipf(HEADS)} `, HEAD_CHARACTERS);
      requests.push({ at, text: head + question(), answerTokens: answer() });
    } else requests.push({ at, text: unique(random.logNormal(2000, 0.5)), answerTokens: answer() });
  }
  return requests.sort((one, other) => one.at - other.at);
}

const filler = (name: string, characters: number): string =>
  name.repeat(Math.ceil(characters / name.length)).slice(0, Math.ceil(characters));

/** Tokens of a text. */
export const tokensOf = (text: string): number => Math.ceil(text.length / CHARACTERS_PER_TOKEN);

export const BLOCK_TOKENS = BLOCK_CHARACTERS / CHARACTERS_PER_TOKEN;
