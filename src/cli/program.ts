import cluster from "node:cluster";
import { Command, CommanderError, Option } from "commander";
import { BLOCKS, PROVIDERS } from "../../drivers/onnx/graph/precision.ts";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import type { CacheFlags } from "./cache.ts";
import type { PruneFlags } from "./cache-prune.ts";
import type { ChatFlags } from "./chat.ts";
import { checkConfig } from "./config-check.ts";
import { type ServeFlags, serveConfig } from "./config-source.ts";
import { type ConvertFlags, convert, FORMAT_TYPES, FORMATS } from "./convert.ts";
import type { DoctorFlags } from "./doctor.ts";
import { addEvalCommands } from "./eval-commands.ts";
import type { InstallFlags } from "./install.ts";
import { printKeyHash, printNewKey } from "./keys.ts";
import { packageVersion } from "./package.ts";
import type { PlanFlags } from "./plan.ts";
import type { PullFlags } from "./pull.ts";
import { modelsCommand, psCommand, type RemoteFlags } from "./remote.ts";
import type { Terminal } from "./terminal.ts";
import { onlyVisible, visible } from "./visible.ts";

export interface ProgramParts {
  readonly terminal: Terminal;
  readonly drivers: readonly Driver[];
  readonly templates: readonly string[];
}

const CACHE_FOLDER = "folder of the gateway's cache (DOLLY_CACHE)";

const SERVE_EXAMPLES = `
Examples:
  dolly serve                                  the embedded model
  dolly serve ./dolly-v2-3b --type q8_0        a checkpoint folder, converted once
  dolly serve ./dolly-v2-3b.q4_0.gguf          a model file
  dolly serve --config dolly.yaml --port 8080  what a config file says

A flag wins over an environment variable, that over the config file, that over the default.`;

/**
 * Runs one command line (without the interpreter and the script) to its end and gives the exit status: 0, 1 for a
 * failure, 2 for wrong usage or a wrong config. What the user must know has been written to the terminal by then.
 */
export async function run(argv: readonly string[], parts: ProgramParts): Promise<number> {
  try {
    await program(parts).parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof OperatorError)) throw error;
    parts.terminal.note(`dolly: ${visible(error.message)}\n`);
    return error.exitStatus;
  }
}

const typesByFormat = FORMATS.map((format) => `${format}: ${FORMAT_TYPES[format].join(", ")}`).join("; ");

function program({ terminal, drivers, templates }: ProgramParts): Command {
  const root = new Command("dolly")
    .description("An OpenAI-compatible gateway for Databricks' Dolly v2 family.")
    .version(packageVersion)
    .exitOverride()
    .configureOutput({ writeOut: terminal.print, writeErr: terminal.note })
    .showHelpAfterError("(dolly --help lists what there is)");

  root
    .command("serve")
    .description("Serve one checkpoint, or what a config file says.")
    .argument("[path]", "a checkpoint folder or a .gguf file, served under its base name")
    .addOption(new Option("--config <file>", "config file (default: the embedded model; DOLLY_CONFIG)"))
    .option("--host <host>", "address to listen on (DOLLY_HOST)")
    .option("--port <number>", "port to listen on, 0 for any free one (DOLLY_PORT)")
    .option("--cache-dir <folder>", "folder for converted models (DOLLY_CACHE)")
    .option("--log-level <level>", "debug, info, warn, error or silent (DOLLY_LOG_LEVEL)")
    .option("--driver <name>", `driver for PATH: ${drivers.map(({ name }) => name).join(", ")}`)
    .option("--type <type>", `type that a checkpoint at PATH is converted to: ${typesByFormat}`)
    .option("--block <size>", `values that share a scale, of ONNX's q8 and int4: ${BLOCKS.join(", ")}`)
    .option("--provider <name>", `what computes an ONNX model: ${PROVIDERS.join(", ")}`)
    .option(
      "--template <name>",
      `prompt template for PATH: ${templates.join(", ")} (default: chosen from the tokenizer)`,
    )
    .addHelpText("after", SERVE_EXAMPLES)
    .action(async (path: string | undefined, flags: ServeFlags) => {
      const { env, cwd } = terminal;
      const around = { env, cwd, drivers, templates };
      if (cluster.isWorker) {
        const { serveAsWorker } = await import("./serve-as-worker.ts");
        await serveAsWorker(flags, around, terminal);
        return;
      }
      const loaded = serveConfig(path, flags, around);
      // What follows needs HTTP and a log; the other commands, and a wrong config, do not wait for those.
      const { serve } = await import("./serve.ts");
      await serve(loaded, terminal, drivers);
    });

  root
    .command("convert")
    .description("Convert a Hugging Face checkpoint folder to a GGUF file or an ONNX folder.")
    .argument("<source>", "checkpoint folder")
    .addOption(new Option("--to <format>", "format of the result").choices(FORMATS).default("gguf"))
    .option("--type <type>", `type of the weights; ${typesByFormat}`, "f16")
    .option("--block <size>", `values that share a scale, of ONNX's q8 and int4: ${BLOCKS.join(", ")}`)
    .addOption(
      new Option("--provider <name>", "what will compute an ONNX model (default: cpu)").choices(PROVIDERS),
    )
    .requiredOption("--output <path>", "file to write, or folder for ONNX")
    .action((source: string, flags: ConvertFlags) => convert(source, flags, terminal));

  root
    .command("pull")
    .description("Fetch models from the Hugging Face Hub into its usual cache.")
    .argument("[repository]", "owner/name, or owner/name@revision (default: all that the config names)")
    .option("--config <file>", "config file; the commits are written into the lock beside it (DOLLY_CONFIG)")
    .option("--update", "take what the Hub has now, whatever commits the lock names")
    .action(async (repository: string | undefined, flags: PullFlags) => {
      const { pullCommand } = await import("./pull.ts");
      await pullCommand(repository, flags, { terminal, drivers, templates });
    });

  root
    .command("install")
    .description("Fetch the libraries that engines open to compute on GPUs, from their makers' packages.")
    .argument("<what>", "cuda: for both local engines, on Linux x64")
    .option("--cache-dir <folder>", CACHE_FOLDER)
    .action(async (what: string, flags: InstallFlags) => {
      const { installCommand } = await import("./install.ts");
      await installCommand(what, flags, { terminal, drivers });
    });

  root
    .command("doctor")
    .description(
      "Look at this machine and at what a config wants of it, and say what is missing and how to mend it.",
    )
    .option("--config <file>", "config file (default: the embedded model; DOLLY_CONFIG)")
    .option("--cache-dir <folder>", CACHE_FOLDER)
    .option("--json", "as JSON")
    .action(async (flags: DoctorFlags) => {
      const { doctorCommand } = await import("./doctor.ts");
      await doctorCommand(flags, { terminal, drivers, templates });
    });
  const cache = root
    .command("cache")
    .description("Look after converted and pulled models, and installed libraries.");
  const cached = (name: string): Command =>
    cache.command(name).option("--cache-dir <folder>", CACHE_FOLDER).option("--json", "as JSON");
  cached("list")
    .description("List them, the largest first.")
    .action(async (flags: CacheFlags) => (await import("./cache.ts")).listCache(flags, terminal));
  cached("verify")
    .description("Read every byte and compare it with what it should be.")
    .action(async (flags: CacheFlags) => (await import("./cache.ts")).verifyCache(flags, terminal));
  cached("prune")
    .description(
      "Remove what is damaged or was long unused; what a process has open, or wrote within the hour, stays.",
    )
    .option("--older-than <days>", "also what was not used for so many days")
    .option("--pulled", "also models of the Hugging Face Hub's cache, which other programs share")
    .option("--dry-run", "only say what would go")
    .option("--force", "no gateway runs, where this system does not say what it has open")
    .action(async (flags: PruneFlags) => (await import("./cache-prune.ts")).pruneCache(flags, terminal));

  const remote = (command: Command): Command =>
    command
      .option("--url <url>", "where the gateway is (DOLLY_URL; default: http://127.0.0.1:8000)")
      .option("--api-key <key>", "key to show (DOLLY_API_KEY)");
  remote(root.command("chat"))
    .description("Talk to a model in the terminal; with a question, or one by a pipe, answer it and end.")
    .argument("[question...]", "a question")
    .option("--model <name>", "model to ask (default: the first that is served)")
    .option("--system <text>", "text at the head of the instruction")
    .option("--temperature <number>", "0 takes the likeliest token")
    .option("--max-tokens <number>", "most tokens of an answer")
    .option("--config <file>", "serve this config for the conversation, and ask no running gateway")
    .action(async (words: string[], flags: ChatFlags) => {
      const { chatCommand } = await import("./chat.ts");
      await chatCommand(words, flags, { terminal, drivers, templates });
    });
  remote(root.command("models"))
    .description("List the models that a running gateway serves.")
    .option("--json", "as JSON")
    .action((flags: RemoteFlags) => modelsCommand(flags, onlyVisible(terminal)));
  remote(root.command("ps"))
    .description("Show what a running gateway does: models, slots, queues, memory (DOLLY_ADMIN_KEY).")
    .option("--json", "as JSON")
    .action((flags: RemoteFlags) => psCommand(flags, onlyVisible(terminal)));

  const keys = root.command("keys").description("Make API keys for the config file.");
  keys
    .command("new")
    .description("Make a key and print it with its entry for the config file.")
    .argument("[name]", "who holds it", "somebody")
    .action((name: string) => printNewKey(name, terminal));
  keys
    .command("hash")
    .description("Print the hash of the key on standard input.")
    .action(() => printKeyHash(terminal));
  root
    .command("plan")
    .description(
      "Say which placement of each model a machine would use, what it takes there and how fast it may be.",
    )
    .option("--model <name>", "one model; without --config one of the presets")
    .option("--config <file>", "config file (default: the presets)")
    .option("--gpu <name>", 'a GPU and its memory, such as "A10 24GB"')
    .option("--count <number>", "how many of them")
    .option("--machine <file>", "machine that a JSON file describes, as --json writes it")
    .option("--this-machine", "this machine (the default)")
    .option("--json", "as JSON")
    .action(async (flags: PlanFlags) => {
      const { planCommand } = await import("./plan.ts");
      await planCommand(flags, { terminal, drivers, templates });
    });

  addEvalCommands(root, { terminal, drivers, templates });

  root
    .command("config")
    .description("Work with config files.")
    .command("check")
    .description("Validate a config file and say what it would serve; needs no weights.")
    .argument("[file]", "config file (default: as for serve)")
    .action((file: string | undefined) => checkConfig(file, terminal, drivers, templates));

  return root;
}
