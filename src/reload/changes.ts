import type { Config } from "../config/schema.ts";
import type { Changes } from "./configuration.ts";

/** Keys of the configuration that a reload applies. */
const LIVE: readonly string[] = [
  "version",
  "models",
  "default_model",
  "api_keys",
  "rate_limits",
  "router_settings",
];

/** What differs between two configurations; `start`: the one that the gateway was started with. */
export function changesBetween(before: Config, next: Config, start: Config): Changes {
  return {
    models: differences(new Map(Object.entries(before.models)), new Map(Object.entries(next.models))),
    keys: differences(keysByName(before), keysByName(next)),
    restartRequired: restartRequired(next, start),
  };
}

export const sameConfig = (one: Config, other: Config): boolean => alike(one, other);

const keysByName = ({ api_keys: keys = [] }: Config) => new Map(keys.map((key) => [key.name, key]));

function restartRequired(next: Config, start: Config): string[] {
  const values = new Map<string, unknown>(Object.entries(start));
  const names = new Set([...Object.keys(start), ...Object.keys(next)]);
  const wanted = new Map<string, unknown>(Object.entries(next));
  return [...names]
    .filter((name) => !LIVE.includes(name) && !alike(values.get(name), wanted.get(name)))
    .sort();
}

function differences(before: ReadonlyMap<string, unknown>, next: ReadonlyMap<string, unknown>) {
  return {
    added: [...next.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !next.has(name)),
    changed: [...next]
      .filter(([name, value]) => before.has(name) && !alike(before.get(name), value))
      .map(([name]) => name),
  };
}

const alike = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
