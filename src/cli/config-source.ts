import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type ConfigDocument, readDocument } from "../config/document.ts";
import { type Override, parseConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { versionWarnings } from "../config/version.ts";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { lockFileOf } from "../hub/lock.ts";
import { packageFolder } from "./package.ts";

/** Flags of `dolly serve`, as typed. */
export interface ServeFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly cacheDir?: string;
  readonly logLevel?: string;
  readonly driver?: string;
  readonly type?: string;
  readonly block?: string;
  readonly provider?: string;
  readonly template?: string;
}

/** Flags that say an option of the driver. */
const DRIVER_FLAGS = ["type", "block", "provider"] as const;

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly drivers: readonly Driver[];
  readonly templates: readonly string[];
}

/** A config file, to be read again. */
export interface ConfigFile {
  /** As it was when the gateway was started. */
  readonly started: Uint8Array;
  /** As it is now. Throws OperatorError. */
  bytes(): Uint8Array;
  /** Throws OperatorError that names line and key. */
  parse(bytes: Uint8Array): Config;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where relative paths of the config start. */
  readonly folder: string;
  /** The file, or the checkpoint on the command line. */
  readonly source: string;
  /** Where the commits of pulled models are written down; undefined where no config file was named. */
  readonly lockFile: string | undefined;
  /** Undefined for a checkpoint. */
  readonly file: ConfigFile | undefined;
  /** What to change in a file of an older form. */
  readonly warnings: readonly string[];
}

/**
 * The configuration from a file, overlaid by environment variables and then by flags. `started`: the file's content where
 * another process has read it.
 */
export function configFromFile(flags: ServeFlags, around: Surroundings, started?: Uint8Array): LoadedConfig {
  const named = flags.config ?? around.env["DOLLY_CONFIG"];
  const file = named ? resolve(around.cwd, named) : join(packageFolder, "config", "dolly.yaml");
  const document = (bytes: Uint8Array) => readDocument(file, bytes, around.env);
  const parsed = (from: ConfigDocument) =>
    parseConfig(from, settings(flags, around), around.drivers, around.templates);
  const bytes = started ?? readFile(file);
  const first = document(bytes);
  return {
    config: parsed(first),
    folder: dirname(file),
    source: file,
    lockFile: named ? lockFileOf(file) : undefined,
    file: { started: bytes, bytes: () => readFile(file), parse: (now) => parsed(document(now)) },
    warnings: versionWarnings(first),
  };
}

/** The configuration that serves one checkpoint folder or model file under its base name. */
function configFromCheckpoint(path: string, flags: ServeFlags, around: Surroundings): LoadedConfig {
  const source = resolve(around.cwd, path);
  if (!existsSync(source)) {
    throw new OperatorError(
      `${source}: no such file or folder; PATH is a checkpoint folder or a .gguf file`,
      {
        exitStatus: 2,
      },
    );
  }
  const driver = flags.driver ?? around.drivers[0]?.name ?? "";
  refuseForeignOptions(driver, flags, around.drivers);
  const name = basename(source).replace(/\.gguf$/i, "");
  const model = { preload: true, placements: [{ driver, model: source }] };
  const placement = ["models", name, "placements", 0];
  const overrides: Override[] = [
    ...flag(["models", name, "template"], flags.template, "--template"),
    ...flag([...placement, "driver"], flags.driver, "--driver"),
    ...DRIVER_FLAGS.flatMap((name) => flag([...placement, name], wholeNumber(flags[name]), `--${name}`)),
    ...settings(flags, around),
  ];
  const document = { data: { models: { [name]: model } }, hidden: new Set(), where: () => "PATH" };
  const config = parseConfig(document, overrides, around.drivers, around.templates);
  return { config, folder: around.cwd, source, lockFile: undefined, file: undefined, warnings: [] };
}

/** The configuration of `dolly serve [PATH]`. */
export function serveConfig(path: string | undefined, flags: ServeFlags, around: Surroundings): LoadedConfig {
  if (path !== undefined) {
    if (flags.config !== undefined) {
      throw new OperatorError("give either a PATH or --config, not both", { exitStatus: 2 });
    }
    return configFromCheckpoint(path, flags, around);
  }
  for (const name of ["driver", ...DRIVER_FLAGS, "template"] as const) {
    if (flags[name] !== undefined) {
      throw new OperatorError(`--${name} goes with a PATH; with a config file, say it there`, {
        exitStatus: 2,
      });
    }
  }
  return configFromFile(flags, around);
}

function settings(flags: ServeFlags, { env, cwd }: Surroundings): Override[] {
  const folder = (path: string | undefined) => (path ? resolve(cwd, path) : undefined);
  return [
    ...flag(["host"], env["DOLLY_HOST"] || undefined, "DOLLY_HOST"),
    ...flag(["port"], wholeNumber(env["DOLLY_PORT"] || undefined), "DOLLY_PORT"),
    ...flag(["cache_dir"], folder(env["DOLLY_CACHE"]), "DOLLY_CACHE"),
    ...flag(["log_level"], env["DOLLY_LOG_LEVEL"] || undefined, "DOLLY_LOG_LEVEL"),
    ...flag(["api_keys"], onlyKey(env["DOLLY_API_KEY"] || undefined), "DOLLY_API_KEY"),
    ...flag(["host"], flags.host, "--host"),
    ...flag(["port"], wholeNumber(flags.port), "--port"),
    ...flag(["cache_dir"], folder(flags.cacheDir), "--cache-dir"),
    ...flag(["log_level"], flags.logLevel, "--log-level"),
  ];
}

const flag = (path: readonly (string | number)[], value: unknown, source: string): Override[] =>
  value === undefined ? [] : [{ path, value, source }];

const onlyKey = (key: string | undefined) => key && [{ name: "default", key }];

/** Digits as a number; anything else is left for the schema to refuse. */
function wholeNumber(text: string | undefined): string | number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}

function refuseForeignOptions(driver: string, flags: ServeFlags, drivers: readonly Driver[]): void {
  const options = drivers.find(({ name }) => name === driver)?.options.shape;
  // An unknown driver is explained by the schema.
  if (options === undefined) return;
  if (!("model" in options)) {
    throw new OperatorError(`--driver: "${driver}" serves no files; describe the model in a config file`, {
      exitStatus: 2,
    });
  }
  for (const name of DRIVER_FLAGS) {
    if (flags[name] === undefined || name in options) continue;
    const other = drivers.find(({ options: { shape } }) => "model" in shape && name in shape);
    const remedy = other === undefined ? "" : `; --driver ${other.name} has`;
    throw new OperatorError(`--${name}: the driver "${driver}" has no such option${remedy}`, {
      exitStatus: 2,
    });
  }
}

function readFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const reason =
      code === "ENOENT" ? "no such file" : code === "EISDIR" ? "it is a folder, not a file" : String(error);
    throw new OperatorError(`${file}: ${reason}`, { cause: error, exitStatus: 2 });
  }
}
