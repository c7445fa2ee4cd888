import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../errors.ts";

/** A package registry, and how one names another. */
export interface Registry {
  /** Without a slash at its end, and without a password. */
  readonly base: string;
  /** Value of `Authorization` for requests to its own origin. */
  readonly authorization: string | undefined;
  /** For messages: `PIP_INDEX_URL`. */
  readonly setting: string;
}

export interface Registries {
  readonly pypi: Registry;
  /** Scopes of npm's packages may have registries of their own. */
  npm(name: string): Registry;
}

/** Where packages are published for everybody. */
const publicAt = (name: string): string => `https://${name}.org`;
const PUBLIC = { pypi: `${publicAt("pypi")}/simple`, npm: publicAt("registry.npmjs") };

type Environment = Readonly<Record<string, string | undefined>>;

interface Surroundings {
  readonly env: Environment;
  readonly home: string;
  readonly cwd: string;
}

/** The registries that pip (or uv) and npm would use, by the same environment variables and npm's files of settings. */
export function registriesOf({ env, home, cwd }: Surroundings): Registries {
  return { pypi: pythonIndex(env), npm: (name) => npmRegistry(name.split("/"), { env, home, cwd }) };
}

function pythonIndex(env: Environment): Registry {
  const setting =
    ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"].find((name) => env[name]) ?? "PIP_INDEX_URL";
  return registryAt(env[setting] || PUBLIC.pypi, setting);
}

function npmRegistry([scope]: readonly string[], { env, home, cwd }: Surroundings): Registry {
  const own = Object.entries(env).find(([name]) => name.toLowerCase() === "npm_config_registry")?.[1];
  const files = [join(cwd, ".npmrc"), env["NPM_CONFIG_USERCONFIG"] || join(home, ".npmrc")];
  const settings = files.map((file) => npmSettings(file, env));
  const kept = (name: string) => settings.map((one) => one.get(name)).find((value) => value);
  const url = kept(`${scope}:registry`) ?? (own || undefined) ?? kept("registry");
  const registry = registryAt(url ?? PUBLIC.npm, "npm_config_registry");
  const token = kept(`${registry.base.replace(/^https?:/, "")}/:_authToken`);
  return token === undefined ? registry : { ...registry, authorization: `Bearer ${token}` };
}

/** `name = value` on each line, with `${NAME}` of the environment. */
function npmSettings(file: string, env: Environment): Map<string, string> {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return new Map();
  }
  const lines = text.split("\n").map((line) => /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line));
  return new Map(
    lines.flatMap((found) => {
      const [, name, value] = found ?? [];
      if (name === undefined || value === undefined) return [];
      return [[name, value.replace(/\$\{(\w+)\}/g, (whole, named: string) => env[named] ?? whole)]];
    }),
  );
}

function registryAt(text: string, setting: string): Registry {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new OperatorError(`${setting}: "${text}" is no http or https address`, { exitStatus: 2 });
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    base: url.href.replace(/\/+$/, ""),
    authorization: username === "" ? undefined : `Basic ${Buffer.from(pair).toString("base64")}`,
    setting,
  };
}
