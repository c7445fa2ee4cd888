import type { CallableFunction, Constraint } from "../../core/generation.ts";
import { GatewayError } from "../../errors.ts";
import type { FunctionTool } from "./parameters.ts";

/** A function, and where the request has it. */
export interface OfferedFunction extends FunctionTool {
  /** Such as `tools[0].function`. */
  readonly param: string;
}

/** What an answer may do with the functions that it is offered. */
export interface ToolUse {
  /** Those that may be called. */
  readonly functions: readonly OfferedFunction[];
  /** A call must be made; else the answer may be a text. */
  readonly required: boolean;
  /** Most calls of an answer. */
  readonly most: number;
  /** The one function that must be called: the answer is its arguments alone. */
  readonly only: OfferedFunction | undefined;
}

/** What a choice says, whatever the API's form of it. */
export type Choice =
  | { readonly mode: "none" | "auto" | "required"; readonly among?: readonly string[] }
  | { readonly mode: "named"; readonly name: string };

/** Most calls of an answer that may make several. */
const PARALLEL = 8;

/** Arguments of a function without parameters. */
const NOTHING: Readonly<Record<string, unknown>> = {
  type: "object",
  properties: {},
  additionalProperties: false,
};

/**
 * What the answer may do; undefined where it has no functions to call. Throws GatewayError for two functions of one name, for
 * a choice of what is not there, and for a choice without functions. `param`: the field of the choice.
 */
export function toolUse(
  offered: readonly OfferedFunction[],
  choice: Choice | undefined,
  { parallel, param }: { readonly parallel: boolean; readonly param: string },
): ToolUse | undefined {
  const names = offered.map(({ name }) => name);
  const twice = offered.find(({ name }, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    throw invalid(`${twice.param}.name`, `there are two functions '${twice.name}'`);
  }
  if (offered.length === 0) {
    if (choice === undefined || choice.mode === "none") return undefined;
    throw invalid(param, "there are no functions to choose from");
  }
  if (choice?.mode === "none") return undefined;
  if (choice?.mode === "named") {
    const only = named(offered, choice.name, param);
    return { functions: [only], required: true, most: 1, only };
  }
  const among = choice?.among?.map((name) => named(offered, name, param)) ?? offered;
  const functions = offered.filter((one) => among.includes(one));
  const most = parallel ? PARALLEL : 1;
  const required = choice?.mode === "required";
  return { functions, required, most, only: required && most === 1 ? single(functions) : undefined };
}

const single = <T>(items: readonly T[]): T | undefined => (items.length === 1 ? items[0] : undefined);

function named(offered: readonly OfferedFunction[], name: string, param: string): OfferedFunction {
  const found = offered.find((one) => one.name === name);
  if (found === undefined) throw invalid(param, `there is no function '${name}' among them`);
  return found;
}

const invalid = (param: string, reason: string): GatewayError =>
  new GatewayError("invalid_value", `Invalid value for '${param}': ${reason}.`, { param });

/** Arguments are an object, whether the schema says so or not. */
function callable({ name, parameters = NOTHING, strict, param }: OfferedFunction): CallableFunction {
  const { type = "object" } = parameters;
  if (type !== "object") throw invalid(`${param}.parameters.type`, "arguments are an object");
  return {
    name,
    schema: { ...parameters, type },
    ordered: strict ?? false,
    param: `${param}.parameters`,
  };
}

/**
 * The constraint of an answer that may call functions. `format` is what a text has to be besides. Throws GatewayError where a
 * call must be made and the answer must be something else.
 */
export function callConstraint(use: ToolUse, format: Constraint | undefined): Constraint {
  if (use.required && format !== undefined) {
    const [param = ""] = format.param.split(".");
    throw invalid(param, "the answer must be a call of a function, and cannot be this as well");
  }
  if (use.only !== undefined) {
    const { schema, ordered, param } = callable(use.only);
    return { type: "json_schema", schema, ordered, param, closes: true };
  }
  const functions = use.functions.map(callable);
  const otherwise = use.required ? "nothing" : (format ?? "text");
  const param = functions[0]?.param ?? "tools";
  return { type: "calls", param, functions, most: use.most, otherwise, closes: use.required };
}
