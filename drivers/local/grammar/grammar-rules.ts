import { type Budget, Unenforceable } from "./budget.ts";
import type { Expression, Rules } from "./grammar-syntax.ts";
import type { Pattern } from "./pattern-syntax.ts";

/** Rules and groups within each other beyond this are refused. */
const DEEPEST = 500;

/**
 * The rules that a grammar's `root` needs, with everything that holds no recursion as one text, which an automaton can
 * follow. Throws Unenforceable where a rule is missing, begins with itself or never ends; TooComplex.
 */
export function preparedRules(rules: Rules, budget: Budget): Rules {
  const needed = reachable(rules);
  const simple = new Map<string, Expression>();
  for (const name of needed)
    simple.set(name, inlined({ type: "rule", name }, { rules, budget, within: [], depth: 0 }));
  const kept: Rules = new Map([...simple].filter(([name]) => name === "root" || needed.has(name)));
  refuseEndless(kept);
  refuseLeftRecursion(kept);
  return kept;
}

function reachable(rules: Rules): Set<string> {
  if (!rules.has("root"))
    throw new Unenforceable("", "the grammar has no rule 'root', with which it would begin");
  const needed = new Set(["root"]);
  for (const name of needed) {
    const rule = rules.get(name);
    if (rule === undefined) throw new Unenforceable("", `the grammar has no rule '${name}'`);
    for (const other of references(rule)) needed.add(other);
  }
  return needed;
}

function references(expression: Expression): string[] {
  switch (expression.type) {
    case "text":
      return [];
    case "rule":
      return [expression.name];
    case "repeat":
      return references(expression.part);
    case "sequence":
      return expression.parts.flatMap(references);
    case "choice":
      return expression.options.flatMap(references);
  }
}

interface Inlining {
  readonly rules: Rules;
  readonly budget: Budget;
  /** Rules that are being put in. */
  readonly within: readonly string[];
  readonly depth: number;
}

/** Puts rules that do not hold themselves in the place of their names. */
function inlined(expression: Expression, inlining: Inlining): Expression {
  const { rules, budget, within, depth } = inlining;
  budget.spend(20 + within.length);
  if (depth > DEEPEST)
    throw new Unenforceable("", `the grammar's rules and groups hold each other more than ${DEEPEST} deep`);
  const deeper = { ...inlining, depth: depth + 1 };
  switch (expression.type) {
    case "text":
      return expression;
    case "rule": {
      const { name } = expression;
      const rule = rules.get(name);
      if (rule === undefined || within.includes(name)) return expression;
      const inside = inlined(rule, { ...deeper, within: [...within, name] });
      return within.length === 0 || inside.type === "text" ? inside : expression;
    }
    case "repeat": {
      const part = inlined(expression.part, deeper);
      if (part.type !== "text") return { ...expression, part };
      return text({ ...expression, part: part.pattern });
    }
    case "sequence": {
      const parts = expression.parts.map((part) => inlined(part, deeper));
      return together(parts);
    }
    case "choice": {
      const options = expression.options.map((option) => inlined(option, deeper));
      const texts = options.flatMap((option) => (option.type === "text" ? [option.pattern] : []));
      const others = options.filter(({ type }) => type !== "text");
      const joined = texts.length > 0 ? [text({ type: "choice", options: texts })] : [];
      return others.length === 0 && joined[0] !== undefined
        ? joined[0]
        : { type: "choice", options: [...joined, ...others] };
    }
  }
}

/** Texts that follow each other are one text. */
function together(parts: readonly Expression[]): Expression {
  const joined: Expression[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === "text" && last?.type === "text") {
      joined[joined.length - 1] = text({ type: "sequence", parts: [last.pattern, part.pattern] });
    } else joined.push(part);
  }
  const [only] = joined;
  if (only === undefined) return text({ type: "sequence", parts: [] });
  return joined.length === 1 ? only : { type: "sequence", parts: joined };
}

const text = (pattern: Pattern): Expression => ({ type: "text", pattern });

/** Finds the rules for which something holds, which may hold for one because it does for others. */
function holding(
  rules: Rules,
  holds: (expression: Expression, known: ReadonlySet<string>) => boolean,
): Set<string> {
  const known = new Set<string>();
  for (let size = -1; size < known.size; ) {
    size = known.size;
    for (const [name, rule] of rules) if (holds(rule, known)) known.add(name);
  }
  return known;
}

function ends(expression: Expression, known: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case "text":
      return true;
    case "rule":
      return known.has(expression.name);
    case "repeat":
      return expression.least === 0 || ends(expression.part, known);
    case "sequence":
      return expression.parts.every((part) => ends(part, known));
    case "choice":
      return expression.options.some((option) => ends(option, known));
  }
}

function refuseEndless(rules: Rules): void {
  const known = holding(rules, ends);
  const endless = [...rules.keys()].find((name) => !known.has(name));
  if (endless !== undefined) throw new Unenforceable("", `the grammar's rule '${endless}' never ends`);
}

function patternMayBeEmpty(pattern: Pattern): boolean {
  switch (pattern.type) {
    case "sequence":
      return pattern.parts.every(patternMayBeEmpty);
    case "choice":
      return pattern.options.some(patternMayBeEmpty);
    case "repeat":
      return pattern.least === 0 || patternMayBeEmpty(pattern.part);
    default:
      return false;
  }
}

function mayBeEmpty(expression: Expression, known: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case "text":
      return patternMayBeEmpty(expression.pattern);
    case "rule":
      return known.has(expression.name);
    case "repeat":
      return expression.least === 0 || mayBeEmpty(expression.part, known);
    case "sequence":
      return expression.parts.every((part) => mayBeEmpty(part, known));
    case "choice":
      return expression.options.some((option) => mayBeEmpty(option, known));
  }
}

function refuseLeftRecursion(rules: Rules): void {
  const empty = holding(rules, mayBeEmpty);
  const firsts = (expression: Expression): string[] => {
    switch (expression.type) {
      case "text":
        return [];
      case "rule":
        return [expression.name];
      case "repeat":
        return firsts(expression.part);
      case "choice":
        return expression.options.flatMap(firsts);
      case "sequence": {
        const solid = expression.parts.findIndex((part) => !mayBeEmpty(part, empty));
        return expression.parts.slice(0, solid < 0 ? undefined : solid + 1).flatMap(firsts);
      }
    }
  };
  for (const name of rules.keys()) {
    const begins = new Set(
      firsts({ type: "rule", name }).flatMap((first) =>
        firsts(rules.get(first) ?? { type: "rule", name: first }),
      ),
    );
    for (const other of begins) {
      if (other === name)
        throw new Unenforceable(
          "",
          `the grammar's rule '${name}' begins with itself: let it begin with something else`,
        );
      for (const next of firsts(rules.get(other) ?? { type: "choice", options: [] })) begins.add(next);
    }
  }
}
