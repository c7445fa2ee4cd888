import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { cacheFolder } from "./cache-folder.ts";
import { cardTable } from "./card/benchmark.ts";
import { runHarness } from "./card/harness.ts";
import { harnessPython } from "./card/python.ts";
import type { LoadedConfig } from "./config-source.ts";
import { withGateway } from "./eval-gateway.ts";
import { packageFolder } from "./package.ts";
import type { Terminal } from "./terminal.ts";

export interface CardFlags {
  readonly model: string;
  readonly limit?: string;
  readonly concurrent: string;
  readonly python?: string;
  readonly output?: string;
}

/**
 * Runs the seven tasks of Dolly's model card on a model of a config, through the API of a gateway that is started for it,
 * with the EleutherAI harness; prints the card's table with the measured row beside the published one.
 */
export async function evalCard(
  loaded: LoadedConfig,
  flags: CardFlags,
  parts: { terminal: Terminal; drivers: readonly Driver[] },
): Promise<void> {
  const { terminal } = parts;
  const { env, platform, note, cwd } = terminal;
  const limit = flags.limit === undefined ? undefined : positive("--limit", flags.limit);
  const concurrent = positive("--concurrent", flags.concurrent);
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) =>
    interrupted.abort(new OperatorError(`${signal}: stopped`)),
  );
  const { signal } = interrupted;
  const scratch = await mkdtemp(join(tmpdir(), "dolly-card-"));
  try {
    const named = flags.python ?? env["DOLLY_EVAL_PYTHON"];
    const cacheDir = cacheFolder(loaded, terminal);
    const python = await harnessPython({ named, platform, cacheDir, env, signal, note });
    const scores = await withGateway(loaded, parts, async (base) => {
      const { id: model, context_length: contextLength } = await describe(base, flags.model);
      const items = join(packageFolder, "eval", "card");
      const tokenizer = tokenizerFolder(loaded, model);
      const run = { python, items, folder: scratch, base, model, tokenizer, contextLength };
      return runHarness({ ...run, limit, concurrent, env, signal, note });
    });
    if (flags.output !== undefined) await keepResults(scratch, resolve(cwd, flags.output));
    terminal.print(cardTable({ name: flags.model, scores }));
    if (limit !== undefined) {
      note(
        `The first ${limit} items of each task: no score to compare with a published one, which is of all.\n`,
      );
    }
  } finally {
    ignoreSignals();
    await rm(scratch, { recursive: true, force: true });
  }
}

function positive(flag: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new OperatorError(`${flag} ${value}: is no whole number above 0`, { exitStatus: 2 });
}

const modelSchema = z.looseObject({ id: z.string(), context_length: z.int().nullable() });

async function describe(base: string, name: string): Promise<{ id: string; context_length: number }> {
  const response = await fetch(`${base}/v1/models/${name.split("/").map(encodeURIComponent).join("/")}`);
  const body = await response.text();
  if (!response.ok) {
    throw new OperatorError(`--model ${name}: the config has no such model (${body.slice(0, 300)})`, {
      exitStatus: 2,
    });
  }
  const { id, context_length } = modelSchema.parse(JSON.parse(body));
  if (context_length !== null) return { id, context_length };
  throw new OperatorError(`${name}: its files cannot be read; dolly serve says why`);
}

/** Folder of the model's own tokenizer where a placement has one; the server is asked otherwise. */
function tokenizerFolder({ config, folder }: LoadedConfig, name: string): string | null {
  for (const { model, tokenizer } of config.models[name]?.placements ?? []) {
    for (const option of [model, tokenizer]) {
      if (typeof option !== "string") continue;
      const path = resolve(folder, option);
      if (existsSync(join(path, "tokenizer.json"))) return path;
    }
  }
  return null;
}

async function keepResults(scratch: string, output: string): Promise<void> {
  await mkdir(output, { recursive: true });
  await cp(join(scratch, "results"), output, { recursive: true });
}
