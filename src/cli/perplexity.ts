import { readFile } from "node:fs/promises";
import { z } from "zod";
import { jsonIn } from "../core/json-in.ts";
import { OperatorError } from "../errors.ts";

/** A text to be scored; its tokens from the character `from` on count. */
export interface ScoredText {
  readonly text: string;
  readonly from: number;
}

export interface Perplexity {
  readonly model: string;
  /** Tokens that counted. */
  readonly tokens: number;
  /** exp of the mean negative log-probability of a token. */
  readonly perplexity: number;
}

const recordSchema = z.union([
  z.object({ instruction: z.string(), context: z.string().default(""), response: z.string() }),
  z.object({ text: z.string() }),
]);

/** databrickslabs/dolly training/consts.py: PROMPT_WITH_INPUT_FORMAT and PROMPT_NO_INPUT_FORMAT. */
const INTRO =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

/** Characters of a piece of plain text; about a thousand tokens. */
const PIECE = 4000;

/**
 * What a file holds: of `.jsonl` a text a line, either `text` or a record as Dolly was trained on, of which the response
 * and its end count; else plain text, in pieces that break at lines. Throws OperatorError that names file and line.
 */
export async function readScoredTexts(path: string): Promise<ScoredText[]> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw new OperatorError(`${path}: cannot be read`, { cause: error, exitStatus: 2 });
  });
  const texts = /\.jsonl$/i.test(path)
    ? content.split("\n").flatMap((line, index) => recordText(line, `${path}:${index + 1}`))
    : pieces(content).map((text) => ({ text, from: 0 }));
  if (texts.length > 0) return texts;
  throw new OperatorError(`${path}: holds no text`, { exitStatus: 2 });
}

function recordText(line: string, place: string): ScoredText[] {
  if (line.trim() === "") return [];
  const parsed = recordSchema.safeParse(jsonIn(line));
  if (!parsed.success) {
    throw new OperatorError(`${place}: is no object with "text", or with "instruction" and "response"`, {
      exitStatus: 2,
    });
  }
  if ("text" in parsed.data) return [{ text: parsed.data.text, from: 0 }];
  const { instruction, context, response } = parsed.data;
  const input = context === "" ? "" : `Input:\n${context}\n\n`;
  const prompt = `${INTRO}\n\n### Instruction:\n${instruction}\n\n${input}### Response:\n`;
  return [{ text: `${prompt}${response}\n\n### End`, from: prompt.length }];
}

function pieces(content: string): string[] {
  const found: string[] = [];
  let piece = "";
  for (const line of content.split(/(?<=\n)/)) {
    if (piece !== "" && piece.length + line.length > PIECE) {
      found.push(piece);
      piece = "";
    }
    piece += line;
  }
  return [...found, piece].filter((text) => text.trim() !== "");
}

const answerSchema = z.object({
  choices: z
    .array(
      z.object({
        logprobs: z.object({
          text_offset: z.array(z.int()),
          token_logprobs: z.array(z.number().nullable()),
        }),
      }),
    )
    .length(1),
});

/** Texts that are asked for at once; the server computes them together. */
const AT_ONCE = 4;

/** Scores the texts with a model of a server that speaks OpenAI's API, by `echo`. Throws OperatorError with its reason. */
export async function measurePerplexity(
  server: { readonly base: string; readonly key?: string },
  model: string,
  texts: readonly ScoredText[],
  onText: () => void,
): Promise<Perplexity> {
  let sum = 0;
  let tokens = 0;
  const waiting = texts.values();
  const reader = async () => {
    for (const text of waiting) {
      for (const logprob of await scoresOf(server, model, text)) {
        sum -= logprob;
        tokens += 1;
      }
      onText();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  if (tokens === 0) throw new OperatorError(`${model}: the texts have no tokens to score`);
  return { model, tokens, perplexity: Math.exp(sum / tokens) };
}

async function scoresOf(
  { base, key }: { readonly base: string; readonly key?: string },
  model: string,
  { text, from }: ScoredText,
): Promise<number[]> {
  const response = await fetch(`${base}/v1/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ model, prompt: text, max_tokens: 0, echo: true, logprobs: 0 }),
  }).catch((error: unknown) => {
    throw new OperatorError(`${base}: cannot be reached`, { cause: error });
  });
  const body = await response.text();
  const parsed = answerSchema.safeParse(jsonIn(body));
  if (!parsed.success) {
    throw new OperatorError(`${model}: ${base} answered ${response.status}: ${body.slice(0, 500)}`);
  }
  const { text_offset, token_logprobs } = parsed.data.choices[0]?.logprobs ?? {
    text_offset: [],
    token_logprobs: [],
  };
  return token_logprobs.filter(
    (logprob, index): logprob is number => logprob !== null && (text_offset[index] ?? 0) >= from,
  );
}
