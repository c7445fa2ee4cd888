import type { Command } from "commander";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { type LoadedConfig, serveConfig } from "./config-source.ts";
import type { CardFlags } from "./eval-card.ts";
import type { PerplexityFlags } from "./eval-perplexity.ts";
import type { Terminal } from "./terminal.ts";

interface ConfigFlags {
  readonly config?: string;
  readonly cacheDir?: string;
}

/** Adds `eval` with its commands to the program. */
export function addEvalCommands(
  root: Command,
  parts: {
    readonly terminal: Terminal;
    readonly drivers: readonly Driver[];
    readonly templates: readonly string[];
  },
): void {
  const { terminal, drivers, templates } = parts;
  const load = ({ config, cacheDir }: ConfigFlags, names: readonly string[]): LoadedConfig => {
    const files = { ...(config ? { config } : {}), ...(cacheDir ? { cacheDir } : {}) };
    const loaded = serveConfig(undefined, files, {
      env: terminal.env,
      cwd: terminal.cwd,
      drivers,
      templates,
    });
    for (const name of names) refuseUnknown(name, loaded);
    return loaded;
  };
  const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];
  const command = root.command("eval").description("Measure models.");
  const withConfig = (name: string): Command =>
    command
      .command(name)
      .option("--config <file>", "config file (default: the embedded model; DOLLY_CONFIG)")
      .option("--cache-dir <folder>", "folder for converted models (DOLLY_CACHE)");

  withConfig("perplexity")
    .description("How well models predict a text: exp of the mean negative log-probability of a token.")
    .requiredOption("--model <name>", "model of the config; several are compared with the first", collect)
    .requiredOption(
      "--text <file>",
      "plain text, or .jsonl with `text`, or with `instruction` and `response`",
    )
    .action(async (flags: PerplexityFlags & ConfigFlags) => {
      const { evalPerplexity } = await import("./eval-perplexity.ts");
      await evalPerplexity(load(flags, flags.model), flags, { terminal, drivers });
    });

  withConfig("card")
    .description(
      "The seven tasks of Dolly's model card, run by the EleutherAI harness, beside the published table.",
    )
    .requiredOption("--model <name>", "model of the config")
    .option("--limit <items>", "first items of each task (default: all, 20,465 together)")
    .option("--concurrent <requests>", "requests at a time", "4")
    .option(
      "--python <path>",
      "Python that has lm_eval (DOLLY_EVAL_PYTHON; default: an environment in the cache)",
    )
    .option("--output <folder>", "where the harness's results and its answers to each item are kept")
    .action(async (flags: CardFlags & ConfigFlags) => {
      const { evalCard } = await import("./eval-card.ts");
      await evalCard(load(flags, [flags.model]), flags, { terminal, drivers });
    });
}

function refuseUnknown(name: string, { config, source }: LoadedConfig): void {
  const known = Object.entries(config.models).flatMap(([model, { aliases }]) => [model, ...aliases]);
  if (known.includes(name)) return;
  throw new OperatorError(
    `--model ${name}: ${source} has no such model; there are ${known.join(", ")}. --config names another config`,
    { exitStatus: 2 },
  );
}
