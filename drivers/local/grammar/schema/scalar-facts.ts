import type { Automaton } from "../automaton.ts";
import type { Budget } from "../budget.ts";
import { decimals } from "../number-automata.ts";
import { anyString } from "../text-control.ts";
import type { Scope } from "./array-keywords.ts";
import { ANYTHING, type Facts, NUMBER, ofNumbers, ofStrings, STRING } from "./facts.ts";
import { located } from "./object-keywords.ts";
import { type Keyword, NUMBER_KEYWORDS, STRING_KEYWORDS } from "./scalar-keywords.ts";
import { below } from "./source.ts";

/** A keyword that says something of strings or of numbers: the ways to match it, and those to break it. */
interface ScalarKeyword {
  readonly keyword: string;
  matched(scope: Scope, budget: Budget): readonly Facts[];
  broken(scope: Scope, budget: Budget): readonly Facts[];
}

const scalarKeyword = (
  keyword: string,
  automaton: Keyword,
  all: () => Automaton,
  facts: (automaton: Automaton, types?: number) => Facts,
  type: number,
): ScalarKeyword => {
  const said = ({ schema, path }: Scope, budget: Budget) =>
    located(below(path, keyword), () => automaton(schema, path, budget));
  return {
    keyword,
    matched(scope, budget) {
      const words = said(scope, budget);
      return words === undefined ? [ANYTHING] : [facts(words)];
    },
    broken(scope, budget) {
      const words = said(scope, budget);
      const others = words === undefined ? undefined : all().without(words, budget);
      return others === undefined || others.empty ? [] : [facts(others, type)];
    },
  };
};

export const SCALAR_KEYWORDS: readonly ScalarKeyword[] = [
  ...Object.entries(STRING_KEYWORDS).map(([name, words]) =>
    scalarKeyword(name, words, anyString, ofStrings, STRING),
  ),
  ...Object.entries(NUMBER_KEYWORDS).map(([name, words]) =>
    scalarKeyword(name, words, decimals, ofNumbers, NUMBER),
  ),
];
