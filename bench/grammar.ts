/**
 * How much of JSON Schema constrained decoding enforces, and what it costs: `npm run bench:grammar -- [folder ...]`.
 * A folder is a checkout of JSON-Schema-Test-Suite's `tests/draft2020-12`, or of the `maskbench/data` of
 * guidance-ai/jsonschemabench; `--every n` takes each n-th schema only. Without a folder, a few schemas, and those that are
 * made to take long (grammar-hostile.ts).
 * Masks are those of Dolly v2's vocabulary, along valid values as the tokenizer would write them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Constraints } from "../drivers/local/grammar/constraints.ts";
import { Vocabulary } from "../drivers/local/vocabulary.ts";
import type { Constraint } from "../src/core/generation.ts";
import { GatewayError } from "../src/errors.ts";
import { hostile } from "./grammar-hostile.ts";
import { type SchemaGroup, samples } from "./grammar-samples.ts";

const SIZE = 50_280;
const { values: options, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: "string", default: "1" },
    tokenizer: { type: "string", default: "tokenizers/dolly-v2/tokenizer.json" },
  },
});
const vocabulary = Vocabulary.fromTokenizer(JSON.parse(readFileSync(options.tokenizer, "utf8")), SIZE);
const idBySpelling = new Map<string, number>();
for (let id = 0; id < SIZE; id += 1) {
  if (!vocabulary.isControl(id)) idBySpelling.set(Buffer.from(vocabulary.bytes(id)).toString("latin1"), id);
}

const columns = [
  "schemas",
  "all",
  "refused",
  "right",
  "accepted wrongly",
  "refused wrongly",
  "ms to compile p50 / p99 / most",
  "ms to refuse, most",
  "over 100 ms, and when compiled once more",
  "masks",
  "us a mask p50 / p99 / p99.9, at first",
  "again",
];
console.log(`| ${columns.join(" | ")} |`);
console.log(`| --- |${" ---: |".repeat(columns.length - 1)}`);
const reasons = new Map<string, number>();
if (folders.length === 0) {
  measure("samples", samples);
  measureHostile();
}
for (const folder of folders) measure(folder, groupsIn(folder));
console.log();
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 12))
  console.log(`${count} x ${reason}`);

function groupsIn(folder: string): SchemaGroup[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const chosen = files.filter((_, index) => index % Number(options.every) === 0);
  return chosen.flatMap((name): SchemaGroup[] => {
    // A suite's file is a list of groups; a benchmark's file is one.
    const content: SchemaGroup | SchemaGroup[] = JSON.parse(readFileSync(join(folder, name), "utf8"));
    return [content].flat();
  });
}

function measure(name: string, groups: readonly SchemaGroup[]): void {
  const constraints = new Constraints(vocabulary);
  const compiling: number[] = [];
  const refusing: number[] = [];
  /** Of those that took more than 100 ms, as they do when memory is collected meanwhile: times at the second compilation. */
  const secondly: number[] = [];
  const masking: number[] = [];
  const again: number[] = [];
  let right = 0;
  let accepted = 0;
  let rejected = 0;
  for (const { schema, tests } of groups) {
    const constraint = { type: "json_schema", param: "schema", schema, ordered: false, open: true } as const;
    const { compiled: start, took } = timed(constraints, constraint);
    if (took > 100) secondly.push(timed(new Constraints(vocabulary), constraint).took);
    if (start instanceof GatewayError) {
      refusing.push(took);
      const keyword =
        start.param
          ?.split(".")
          .filter((key) => /^\$?[a-zA-Z]+$/.test(key))
          .at(-1) ?? "";
      const reason = `${keyword}: ${start.message.split(": ").slice(2).join(": ") || start.message}`.slice(
        0,
        90,
      );
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      continue;
    }
    compiling.push(took);
    for (const { data, valid } of tests) {
      const bytes = Buffer.from(JSON.stringify(data));
      const matcher = constraints.matcher(start);
      const accepts = matcher.advance(bytes) && matcher.complete;
      if (accepts === valid) right += 1;
      else if (accepts) accepted += 1;
      else rejected += 1;
      if (accepts && valid) {
        masking.push(...maskTimes(constraints.matcher(start), bytes));
        again.push(...maskTimes(constraints.matcher(start), bytes));
      }
    }
  }
  const microseconds = (times: number[]) =>
    [0.5, 0.99, 0.999].map((share) => (Number(at(times, share)) * 1000).toFixed(0)).join(" / ");
  const cells = [
    name,
    groups.length,
    refusing.length,
    right,
    accepted,
    rejected,
    `${at(compiling, 0.5)} / ${at(compiling, 0.99)} / ${at(compiling, 1)}`,
    at(refusing, 1),
    `${secondly.length}, ${secondly.filter((took) => took > 100).length}`,
    masking.length,
    microseconds(masking),
    microseconds(again),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

/** `took`: milliseconds. */
function timed(constraints: Constraints, constraint: Constraint) {
  const began = performance.now();
  const compiled = constraints.compiled(constraint);
  return { compiled, took: performance.now() - began };
}

/** Compiles each of them a few times, none of which profits from the others, and tells of the slowest. */
function measureHostile(): void {
  const rows = Object.entries(hostile).map(([name, constraint]) => {
    const times = Array.from({ length: 5 }, () => {
      const { compiled, took } = timed(new Constraints(vocabulary), constraint);
      return { refused: compiled instanceof GatewayError, took };
    });
    return {
      name,
      refused: times[0]?.refused,
      took: at(
        times.map(({ took }) => took),
        0.5,
      ),
    };
  });
  rows.sort((a, b) => Number(b.took) - Number(a.took));
  console.log(
    `\nhostile: ${rows.length}, refused ${rows.filter(({ refused }) => refused).length}; slowest, median of 5:`,
  );
  for (const { name, refused, took } of rows.slice(0, 8)) {
    console.log(`  ${took} ms to ${refused ? "refuse" : "compile"} ${name}`);
  }
}

/** Milliseconds of each mask along the bytes, in the longest tokens that they can be cut into. */
function maskTimes(matcher: ReturnType<Constraints["matcher"]>, bytes: Buffer): number[] {
  const times: number[] = [];
  const spelled = bytes.toString("latin1");
  for (let from = 0; from < bytes.length; ) {
    const began = performance.now();
    matcher.mask();
    times.push(performance.now() - began);
    let to = Math.min(bytes.length, from + 32);
    while (to > from + 1 && !idBySpelling.has(spelled.slice(from, to))) to -= 1;
    if (!matcher.advance(bytes.subarray(from, to)))
      throw new Error(`stuck at ${spelled.slice(from, from + 40)}`);
    from = to;
  }
  return times;
}

function at(times: number[], share: number): string {
  times.sort((a, b) => a - b);
  return (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3);
}
