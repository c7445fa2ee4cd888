import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../../errors.ts";
import { type Scores, TASKS } from "./benchmark.ts";

export interface HarnessRun {
  readonly python: string;
  /** Holds the tasks' items, `NAME.jsonl.gz`. */
  readonly items: string;
  /** An empty folder for task files, caches and results. */
  readonly folder: string;
  /** Of the server, such as `http://127.0.0.1:8000`. */
  readonly base: string;
  readonly model: string;
  /** Folder of a tokenizer; null: the server is asked. */
  readonly tokenizer: string | null;
  /** Most tokens of the context. */
  readonly contextLength: number;
  /** First items of each task; undefined: all. */
  readonly limit: number | undefined;
  readonly concurrent: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** What the harness tells meanwhile. */
  note(text: string): void;
}

/** Items of a request: their answers are computed together. */
const BATCH = 8;

/** Name of a task in the harness: not its own, whose items come from the network. */
const taskName = (name: string): string => `${name}_card`;

/** Runs the card's tasks against a server with the harness as it is. Throws OperatorError with its last words. */
export async function runHarness(run: HarnessRun): Promise<Scores> {
  const { python, folder, base, model, tokenizer, contextLength, limit, concurrent, env, signal } = run;
  for (const { name } of TASKS) {
    await writeFile(join(folder, `${name}.yaml`), taskFile(name, join(run.items, `${name}.jsonl.gz`)));
  }
  const modelArgs = {
    model,
    base_url: `${base}/v1/completions`,
    ...(tokenizer === null ? { tokenizer_backend: "remote" } : { tokenizer }),
    num_concurrent: concurrent,
    max_retries: 1,
    max_length: contextLength,
  };
  const args = [
    ...["-m", "lm_eval", "run", "--include_path", folder, "--output_path", join(folder, "results")],
    ...["--tasks", TASKS.map(({ name }) => taskName(name)).join(",")],
    ...["--model", "local-completions", "--batch_size", String(BATCH), "--log_samples"],
    ...["--model_args", JSON.stringify(modelArgs)],
    ...(limit === undefined ? [] : ["--limit", String(limit)]),
  ];
  const offline = { HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1", HF_HOME: join(folder, "huggingface") };
  const quiet = { TOKENIZERS_PARALLELISM: "false", OPENAI_API_KEY: env["OPENAI_API_KEY"] ?? "none" };
  const child = spawn(python, args, {
    env: { ...env, ...offline, ...quiet },
    signal,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    run.note(text);
    said = (said + text).slice(-4000);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  signal.throwIfAborted();
  if (status !== 0) {
    throw new OperatorError(`lm_eval ended with status ${status}: ${said.trim().split("\n").at(-1) ?? ""}`);
  }
  return readScores(join(folder, "results"));
}

/** The harness's own form of a task: a list of texts to go on with, or of beginnings that one text follows. */
function taskFile(name: string, items: string): string {
  const winogrande = name === "winogrande";
  const metrics = winogrande ? ["acc"] : ["acc", "acc_norm"];
  return JSON.stringify({
    task: taskName(name),
    dataset_path: "json",
    dataset_kwargs: { data_files: { test: items } },
    output_type: "multiple_choice",
    test_split: "test",
    doc_to_text: winogrande ? "gold" : "{{query}}",
    doc_to_choice: winogrande ? "{{contexts}}" : "{{choices}}",
    doc_to_target: winogrande ? "continuation" : "gold",
    metric_list: metrics.map((metric) => ({ metric, aggregation: "mean", higher_is_better: true })),
    metadata: { version: 1 },
  });
}

const resultsSchema = z.looseObject({ results: z.record(z.string(), z.looseObject({})) });

async function readScores(folder: string): Promise<Scores> {
  const files = await readdir(folder, { recursive: true });
  const name = files.find((file) => /results_[^/\\]*\.json$/.test(file));
  if (name === undefined) throw new OperatorError(`${folder}: lm_eval wrote no results`);
  const { results } = resultsSchema.parse(JSON.parse(await readFile(join(folder, name), "utf8")));
  return TASKS.map(({ name: task, metric }) => {
    const score = results[taskName(task)]?.[`${metric},none`];
    if (typeof score !== "number") throw new OperatorError(`${folder}: has no ${metric} of ${task}`);
    return score;
  });
}
