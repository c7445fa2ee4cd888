import { callHead } from "../../../src/core/generation.ts";
import type { Budget } from "./budget.ts";
import { Fork, Sequel } from "./composition.ts";
import { type Control, FINISHED } from "./control.ts";
import { patternAutomaton } from "./pattern-automaton.ts";
import { TextLanguage } from "./text-control.ts";
import { automatonOfWords } from "./word-list.ts";

/** A function with what its arguments may be. */
export interface CallForm {
  readonly name: string;
  readonly argument: Control;
}

/** One to `most` calls, each on a line of its own. */
export function callsControl(forms: readonly CallForm[], most: number, budget: Budget): Control {
  let calls: Control = FINISHED;
  for (let left = most; left > 0; left -= 1) {
    const behind = new Fork();
    behind.options.push(FINISHED);
    if (left < most) behind.options.push(literal("\n", calls, budget));
    const call = new Fork();
    for (const { name, argument } of forms) {
      call.options.push(literal(callHead(name), new Sequel(argument, literal("}", behind, budget)), budget));
    }
    calls = call;
  }
  return calls;
}

/** Any text that does not begin, but for white space, as a call does. */
export const plainText = (budget: Budget): Control =>
  new TextLanguage(patternAutomaton("\\s*([^\\s{][\\s\\S]*)?", "whole", budget), "utf8").start;

/** What either of two allows. */
export function either(one: Control, other: Control): Control {
  const fork = new Fork();
  fork.options.push(one, other);
  return fork;
}

const literal = (text: string, behind: Control, budget: Budget): Control =>
  new Sequel(new TextLanguage(automatonOfWords([text], budget), "utf8").start, behind);
