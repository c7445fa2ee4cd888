import type { z } from "zod";
import { suggestion } from "./nearest.ts";
import type { KeyPath } from "./problem.ts";

/** A zod issue in words for the person who wrote the file. */
export interface Explanation {
  readonly path: KeyPath;
  /** Whether the key itself is wrong, or its value. */
  readonly of: "key" | "value";
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/**
 * Every issue in words. `schema` is the JSON schema of the whole, for the keys that are known at a place; values in
 * `hidden` are not repeated, nor those of keys that the schema calls `writeOnly`: they are secret.
 */
export function explain(
  issues: readonly Issue[],
  data: unknown,
  schema: object,
  hidden: ReadonlySet<unknown>,
): Explanation[] {
  return issues.flatMap((issue) => explainOne(issue, data, schema, hidden));
}

function explainOne(
  issue: Issue,
  data: unknown,
  schema: object,
  hidden: ReadonlySet<unknown>,
): Explanation[] {
  const path = issue.path.filter((step) => typeof step !== "symbol");
  const value = valueAt(data, path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, data, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      of: "key",
      message: `unknown key${suggestion(key, known)}`,
    }));
  }
  if (issue.code === "invalid_key") {
    return [{ path, of: "key", message: issue.issues[0]?.message ?? issue.message }];
  }
  const found = hidden.has(value)
    ? "a value from the environment"
    : partAt(schema, data, path)["writeOnly"] === true
      ? kindOf(value)
      : told(value);
  return [{ path, of: "value", message: valueMessage(issue, value, found) }];
}

function valueMessage(issue: Issue, value: unknown, found: string): string {
  if (issue.code === "invalid_union" && "discriminator" in issue) {
    const known = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    return choiceMessage(value, known, found);
  }
  if (issue.code === "invalid_value") return choiceMessage(value, issue.values.map(String), found);
  if (issue.code === "invalid_type") {
    const expected = issue.expected === "int" ? "a whole number" : article(issue.expected);
    return value === undefined ? `missing; expected ${expected}` : `expected ${expected}, found ${found}`;
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return typeof value === "object" ? message : `${message}, found ${found}`;
}

function choiceMessage(value: unknown, known: readonly string[], found: string): string {
  const choice = `expected ${known.length === 1 ? "" : "one of "}${known.map((item) => `"${item}"`).join(", ")}`;
  if (value === undefined) return `missing; ${choice}`;
  return `${choice}, found ${found}${typeof value === "string" ? suggestion(value, known) : ""}`;
}

/** Of a secret, no more than what it is. */
const kindOf = (value: unknown): string =>
  typeof value === "object" ? told(value) : "a value that is not shown";

function told(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function article(type: string): string {
  const names: Readonly<Record<string, string>> = { object: "a map", record: "a map", array: "a list" };
  return names[type] ?? `a ${type}`;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function valueAt(data: unknown, path: KeyPath): unknown {
  let value = data;
  for (const step of path) value = isRecord(value) ? value[step] : undefined;
  return value;
}

/** Keys that a JSON schema allows at a path. */
function knownKeys(schema: object, data: unknown, path: KeyPath): string[] {
  const { properties } = partAt(schema, data, path);
  return isRecord(properties) ? Object.keys(properties) : [];
}

/** The part of a JSON schema for a path; where drivers differ, that of the driver named there. */
function partAt(schema: object, data: unknown, path: KeyPath): Readonly<Record<string, unknown>> {
  let part = branch(schema, data);
  let value = data;
  for (const step of path) {
    value = isRecord(value) ? value[step] : undefined;
    const properties = isRecord(part["properties"]) ? part["properties"] : {};
    const inside =
      typeof step === "number" ? part["items"] : (properties[step] ?? part["additionalProperties"]);
    part = branch(inside, value);
  }
  return part;
}

function branch(schema: unknown, value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(schema)) return {};
  const choices = schema["oneOf"];
  if (!Array.isArray(choices)) return schema;
  const driver = valueAt(value, ["driver"]);
  const chosen: unknown = choices.find(
    (choice) => valueAt(choice, ["properties", "driver", "const"]) === driver,
  );
  return isRecord(chosen) ? chosen : {};
}
