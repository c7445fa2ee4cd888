import { OperatorError } from "../errors.ts";

export type KeyPath = readonly (string | number)[];

/** Something wrong in a configuration. */
export interface Problem {
  /** Where it is said: `FILE:LINE:COL`, a flag, or an environment variable. */
  readonly where: string;
  readonly path: KeyPath;
  readonly message: string;
}

/** `models.tiny.placements[0].parallel`; keys that would read wrongly are quoted. */
export function pathText(path: KeyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

const MOST_LISTED = 20;

/** One error for the operator that lists the problems, a line each. */
export function configError(problems: readonly Problem[]): OperatorError {
  const lines = problems
    .slice(0, MOST_LISTED)
    .map(({ where, path, message }) =>
      [where, pathText(path), message].filter((part) => part !== "").join(": "),
    );
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`and ${more} more`);
  return new OperatorError(lines.join("\n"), { exitStatus: 2 });
}
