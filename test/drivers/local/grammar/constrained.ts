import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { Constraints } from "../../../../drivers/local/grammar/constraints.ts";
import type { Control } from "../../../../drivers/local/grammar/control.ts";
import { closersOf, Matcher } from "../../../../drivers/local/grammar/matcher.ts";
import { TokenMasks } from "../../../../drivers/local/grammar/token-masks.ts";
import { TokenTrie } from "../../../../drivers/local/grammar/token-trie.ts";
import { Random } from "../../../../drivers/local/random.ts";
import { Vocabulary } from "../../../../drivers/local/vocabulary.ts";
import type { Constraint } from "../../../../src/core/generation.ts";
import { GatewayError } from "../../../../src/errors.ts";
import { tokenizerFolder } from "../../../golden-data.ts";

export const SIZE = 50_280;
/** Dolly v2's own vocabulary. */
export const vocabulary = Vocabulary.fromTokenizer(
  JSON.parse(readFileSync(join(tokenizerFolder("dolly-v2"), "tokenizer.json"), "utf8")),
  SIZE,
);
export const END = 50_277;
const constraints = new Constraints(vocabulary);

export const ofSchema = (schema: unknown, ordered = false): Constraint => ({
  type: "json_schema",
  param: "schema",
  schema,
  ordered,
  open: true,
});
export const ofRegex = (pattern: string): Constraint => ({ type: "regex", param: "regex", pattern });
export const ofGrammar = (grammar: string): Constraint => ({ type: "grammar", param: "grammar", grammar });

function compiled(constraint: Constraint): Control {
  const start = constraints.compiled(constraint);
  if (start instanceof GatewayError) throw start;
  return start;
}

/** Throws GatewayError where the constraint is refused. */
export const matcher = (constraint: Constraint): Matcher => constraints.matcher(compiled(constraint));

const forgetful = new TokenMasks(new TokenTrie(vocabulary), SIZE, { frames: 40, states: 20, tables: 30 });

/** One that remembers hardly anything. */
export const forgetfulMatcher = (constraint: Constraint): Matcher =>
  new Matcher(forgetful, compiled(constraint), closersOf(vocabulary));

/** The field and the message with which a constraint is refused; undefined where it is not. */
export function refusal(constraint: Constraint): { param: string | null; message: string } | undefined {
  const compiled = constraints.compiled(constraint);
  return compiled instanceof GatewayError ? { param: compiled.param, message: compiled.message } : undefined;
}

export function accepts(constraint: Constraint, text: string): boolean {
  const following = matcher(constraint);
  return following.advance(Buffer.from(text)) && following.complete;
}

/** Ids whose bit is set. */
export function idsOf(mask: Uint32Array): number[] {
  const ids: number[] = [];
  for (const [word, bits] of mask.entries()) {
    for (let rest = bits; rest !== 0; rest &= rest - 1) ids.push(32 * word + 31 - Math.clz32(rest & -rest));
  }
  return ids;
}

/** Tokens that close strings, lists and objects. */
const CLOSING = new Set(
  [...Array(SIZE).keys()].filter((id) =>
    /^("|["\]}]*[\]}])$/.test(Buffer.from(vocabulary.bytes(id)).toString()),
  ),
);

const idBySpelling = new Map(
  [...Array(SIZE).keys()].map((id) => [Buffer.from(vocabulary.bytes(id)).toString(), id] as const),
);

/**
 * What a model without sense would answer: any of the tokens that are allowed, but words of the constraint and what closes
 * something more often, so that answers come to an end. undefined where they do not within `most` tokens.
 */
export function babble(constraint: Constraint, seed: number, most = 150): string | undefined {
  const random = new Random(seed, 0);
  const following = matcher(constraint);
  const allowed = new Uint32Array(Math.ceil(SIZE / 32));
  const words = new Set(
    (JSON.stringify(constraint).match(/\b\w{1,3}\b|\bkind\b|\bname\b/g) ?? []).map(
      (word) => idBySpelling.get(word) ?? -1,
    ),
  );
  const pick = (ids: readonly number[]): number => ids[Math.floor(random.next() * ids.length)] ?? 0;
  const written: Uint8Array[] = [];
  let last = -1;
  for (let drawn = 0; drawn < most; drawn += 1) {
    following.allow(allowed, [END]);
    const ids = idsOf(allowed);
    if (ids.length === 0 && !following.complete)
      throw new Error(`a dead end behind ${Buffer.concat(written)}`);
    if (following.ended || (ids.includes(END) && random.next() < 0.5))
      return Buffer.concat(written).toString();
    const free = ids.filter((id) => id !== END);
    const known = free.filter((id) => words.has(id));
    const closing = free.filter((id) => CLOSING.has(id));
    const quote = free.filter((id) => id === idBySpelling.get('"'));
    const options = [
      { ids: quote, share: words.has(last) ? 0.9 : 0 },
      { ids: known, share: 0.6 },
      { ids: closing, share: 0.6 },
    ];
    const chosen = options.find(({ ids, share }) => ids.length > 0 && random.next() < share)?.ids ?? free;
    last = pick(chosen);
    const bytes = vocabulary.bytes(last);
    if (!following.advance(bytes))
      throw new Error(`an allowed token was refused behind ${Buffer.concat(written)}`);
    written.push(bytes);
  }
  return undefined;
}

const ajv = new Ajv2020({ strict: false, validateFormats: true, multipleOfPrecision: 9, allErrors: false });
formats.default(ajv);

/** A validator that knows nothing of this project. */
export function validates(schema: object | boolean, value: unknown): boolean {
  const valid = ajv.validate(schema, value);
  ajv.removeSchema();
  return valid;
}
