import type { core, ZodError } from "zod";
import { GatewayError } from "../errors.ts";

type Issue = core.$ZodIssue;

/** The first thing that is wrong with a request, with the field's path as OpenAI writes it. */
export function requestError(error: ZodError, body: unknown): GatewayError {
  const first = error.issues[0];
  if (first === undefined) return new GatewayError("invalid_value", "The body is not valid.");
  const { issue, path } = deepest(first, first.path);
  const param = fieldPath(path);
  const wrongType = issue.code === "invalid_type" || issue.code === "invalid_union";
  if (wrongType && valueAt(body, path) === undefined) {
    return new GatewayError("missing_required_parameter", `Missing required parameter: '${param}'.`, {
      param,
    });
  }
  if (issue.code === "custom" && issue.params?.["code"] === "unsupported_parameter") {
    return new GatewayError("unsupported_parameter", `'${param}': ${issue.message}.`, { param });
  }
  const tooLong = issue.code === "too_big" && issue.origin === "string";
  const code = tooLong ? "string_above_max_length" : "invalid_value";
  return new GatewayError(code, `Invalid value for '${param}': ${sentence(issue.message)}`, {
    param: param === "" ? null : param,
  });
}

interface Located {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/**
 * Of a union's complaints, that of the branch that the client meant: one whose type was right, or else the one that
 * got furthest.
 */
function deepest(issue: Issue, path: readonly PropertyKey[]): Located {
  if (issue.code !== "invalid_union") return { issue, path };
  const branches = issue.errors.flatMap((issues) => {
    const first = issues[0];
    return first === undefined ? [] : [deepest(first, [...path, ...first.path])];
  });
  const meant = branches.filter((branch) => branch.issue.code !== "invalid_type");
  const [first, ...rest] =
    meant.length > 0 ? meant : branches.filter((branch) => branch.path.length > path.length);
  if (first === undefined) return { issue, path };
  return rest.reduce((best, branch) => (branch.path.length > best.path.length ? branch : best), first);
}

/** `messages[2].role` */
const fieldPath = (path: readonly PropertyKey[]): string =>
  path
    .map((key, index) =>
      typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key).slice(0, 64)}`,
    )
    .join("");

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

const sentence = (message: string): string => (message.endsWith(".") ? message : `${message}.`);
