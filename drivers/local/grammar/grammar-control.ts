import { type Budget, Unenforceable } from "./budget.ts";
import { Fork, Sequel } from "./composition.ts";
import { type Control, FINISHED } from "./control.ts";
import { preparedRules } from "./grammar-rules.ts";
import { type Expression, parseGrammar } from "./grammar-syntax.ts";
import { automatonOfPattern } from "./pattern-automaton.ts";
import type { Pattern } from "./pattern-syntax.ts";
import { TextLanguage } from "./text-control.ts";

/** The texts of a grammar's `root`. Throws Unenforceable, TooComplex. */
export function grammarControl(source: string, budget: Budget): Control {
  const rules = preparedRules(parseGrammar(source, budget), budget);
  const entries = new Map([...rules.keys()].map((name) => [name, new Fork()]));
  const builder = new GrammarBuilder(entries, budget);
  for (const [name, rule] of rules) entries.get(name)?.options.push(builder.add(rule, FINISHED));
  const root = entries.get("root");
  if (root === undefined) throw new Unenforceable("", "the grammar has no rule 'root'");
  return root;
}

class GrammarBuilder {
  readonly #entries: ReadonlyMap<string, Control>;
  readonly #budget: Budget;
  readonly #texts = new Map<Pattern, Control>();

  constructor(entries: ReadonlyMap<string, Control>, budget: Budget) {
    this.#entries = entries;
    this.#budget = budget;
  }

  /** A control that reads the expression and goes on as `then`. */
  add(expression: Expression, then: Control): Control {
    this.#budget.spend(50);
    switch (expression.type) {
      case "text":
        return new Sequel(this.#text(expression.pattern), then);
      case "rule": {
        const entry = this.#entries.get(expression.name);
        if (entry === undefined) throw new Unenforceable("", `the grammar has no rule '${expression.name}'`);
        return new Sequel(entry, then);
      }
      case "sequence":
        return expression.parts.reduceRight((next, part) => this.add(part, next), then);
      case "choice": {
        const fork = new Fork();
        fork.options.push(...expression.options.map((option) => this.add(option, then)));
        return fork;
      }
      case "repeat":
        return this.#repeat(expression.part, expression.least, expression.most, then);
    }
  }

  #repeat(part: Expression, least: number, most: number, then: Control): Control {
    const fork = new Fork();
    let first: Control = fork;
    if (most === Number.POSITIVE_INFINITY) {
      fork.options.push(this.add(part, fork), then);
    } else {
      first = then;
      for (let times = least; times < most; times += 1) {
        const optional = new Fork();
        optional.options.push(this.add(part, first), then);
        first = optional;
      }
    }
    for (let times = 0; times < least; times += 1) first = this.add(part, first);
    return first;
  }

  #text(pattern: Pattern): Control {
    let control = this.#texts.get(pattern);
    if (control === undefined) {
      const automaton = automatonOfPattern(pattern, "whole", this.#budget);
      if (automaton.empty)
        throw new Unenforceable("", "the grammar has a character class without characters");
      control = new TextLanguage(automaton, "utf8").start;
      this.#texts.set(pattern, control);
    }
    return control;
  }
}
