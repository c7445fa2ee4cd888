import type { Driver } from "../core/driver.ts";
import { keyProblems } from "./api-keys.ts";
import type { ConfigDocument } from "./document.ts";
import { explain } from "./explain.ts";
import { nameProblems } from "./names.ts";
import { configError, type KeyPath, type Problem } from "./problem.ts";
import { type Config, configJsonSchema, configSchema } from "./schema.ts";
import { workerProblems } from "./workers.ts";

/** A value from a flag or an environment variable that takes the place of the document's. */
export interface Override {
  readonly path: KeyPath;
  readonly value: unknown;
  /** `--port` or `DOLLY_PORT`, for messages. */
  readonly source: string;
}

/**
 * Checks a document with the overrides laid over it. Later overrides win.
 * Throws OperatorError (status 2) that lists every problem with its place.
 */
export function parseConfig(
  document: ConfigDocument,
  overrides: readonly Override[],
  drivers: readonly Driver[],
  templates: readonly string[],
): Config {
  const schema = configSchema(drivers, templates);
  const data = overrides.reduce<unknown>(
    (under, { path, value }) => withValue(under, path, value),
    document.data,
  );
  const problem = (path: KeyPath, of: "key" | "value", message: string): Problem => {
    const override = overrides.findLast((candidate) => samePath(candidate.path, path));
    return { where: override?.source ?? document.where(path, of), path: override ? [] : path, message };
  };
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const explanations = explain(parsed.error.issues, data, configJsonSchema(schema), document.hidden);
    throw configError(explanations.map(({ path, of, message }) => problem(path, of, message)));
  }
  const { api_keys: keys = [], models } = parsed.data;
  const conflicts = [
    ...nameProblems(parsed.data),
    ...keyProblems(keys, Object.keys(models)),
    ...workerProblems(parsed.data, drivers),
  ];
  if (conflicts.length > 0) {
    throw configError(conflicts.map(({ path, message }) => problem(path, "key", message)));
  }
  return parsed.data;
}

const samePath = (one: KeyPath, other: KeyPath): boolean =>
  one.length === other.length && one.every((step, index) => step === other[index]);

function withValue(under: unknown, path: KeyPath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(under)) {
    return under.map((item, index) => (index === step ? withValue(item, rest, value) : item));
  }
  // A document that is no map is left for the schema to refuse.
  if (typeof under !== "object" || under === null) return under;
  const child: unknown = Object.entries(under).find(([key]) => key === step)?.[1];
  return { ...under, [step]: withValue(child ?? {}, rest, value) };
}
