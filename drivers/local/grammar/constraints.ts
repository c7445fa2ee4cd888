import { createHash } from "node:crypto";
import type { Constraint } from "../../../src/core/generation.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { Budget, TooComplex, Unenforceable } from "./budget.ts";
import { callsControl, either, plainText } from "./calls-control.ts";
import type { Control } from "./control.ts";
import { grammarControl } from "./grammar-control.ts";
import { longerThan } from "./length.ts";
import { type Closer, closersOf, Matcher } from "./matcher.ts";
import { patternAutomaton } from "./pattern-automaton.ts";
import { isSchema } from "./schema/source.ts";
import { schemaValue } from "./schema/values.ts";
import { TooAmbiguous } from "./stack.ts";
import { freeString, TextLanguage } from "./text-control.ts";
import { TokenMasks } from "./token-masks.ts";
import { TokenTrie } from "./token-trie.ts";
import { automatonOfWords } from "./word-list.ts";

/** Work that one compilation may do: a typical schema takes a hundredth of it, all of it about a tenth of a second. */
const WORK = 700_000;
/** Compiled constraints that are kept, the latest used. */
const KEPT = 64;
/** Characters of a keyword's path that are shown: of its beginning and of its end. */
const SHOWN_PATH = 100;
/** Characters of a constraint as JSON. */
const LONGEST = 500_000;

/** Compiles constraints for one vocabulary, and keeps what was compiled. */
export class Constraints {
  /** By a hash of the constraint, the latest used last. */
  readonly #compiled = new Map<string, Control | GatewayError>();
  readonly #masks: TokenMasks;
  readonly #closers: readonly Closer[];

  /** Takes a tenth of a second for 50,000 tokens: better now than with the first request. */
  constructor(vocabulary: Vocabulary) {
    this.#masks = new TokenMasks(new TokenTrie(vocabulary), vocabulary.size);
    this.#closers = closersOf(vocabulary);
    this.matcher(freeString().start).mask();
  }

  /** What the constraint's answers begin with; an error for whoever sent it where it cannot be enforced in full. */
  compiled(constraint: Constraint): Control | GatewayError {
    const content = longerThan(LONGEST, constraint) ? undefined : JSON.stringify(constraint);
    if (content === undefined || content.length > LONGEST)
      return refusal(new TooComplex(`${LONGEST.toLocaleString("en-US")} characters`), constraint);
    const key = createHash("sha256").update(content).digest("base64");
    const compiled = this.#compiled.get(key) ?? this.#compile(constraint);
    this.#compiled.delete(key);
    this.#compiled.set(key, compiled);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > KEPT && oldest !== undefined) this.#compiled.delete(oldest);
    return compiled;
  }

  #compile(constraint: Constraint): Control | GatewayError {
    try {
      const start = control(constraint, new Budget(WORK));
      // Some grammars turn out to be too ambiguous before anything is written.
      this.matcher(start);
      return start;
    } catch (error) {
      return refusal(error, constraint);
    }
  }

  /** Follows one answer from its beginning. */
  matcher(start: Control): Matcher {
    return new Matcher(this.#masks, start, this.#closers);
  }
}

/** What is wrong with a constraint, for whoever sent it; what is wrong here is thrown on. */
function refusal(error: unknown, { param }: Pick<Constraint, "param">): GatewayError {
  if (error instanceof PartRefused) return error.refusal;
  const known =
    error instanceof Unenforceable || error instanceof TooComplex || error instanceof TooAmbiguous;
  if (!known) throw error;
  const whole = error instanceof Unenforceable ? error.path : "";
  const path =
    whole.length > 2 * SHOWN_PATH ? `${whole.slice(0, SHOWN_PATH)}…${whole.slice(-SHOWN_PATH)}` : whole;
  const keyword = whole.split(".").at(-1);
  const what = path === "" ? error.message : `'${keyword}' at '${path}' cannot be enforced: ${error.message}`;
  return new GatewayError("invalid_value", `Invalid value for '${param}': ${what}.`, {
    param: path === "" ? param : `${param}.${path}`,
    cause: error,
  });
}

/** Throws Unenforceable, TooComplex. */
function control(constraint: Constraint, budget: Budget): Control {
  switch (constraint.type) {
    case "json_schema":
      if (!isSchema(constraint.schema)) throw new Unenforceable("", "a schema is an object, true or false");
      return schemaValue(constraint.schema, constraint, budget);
    case "regex": {
      const automaton = patternAutomaton(constraint.pattern, "whole", budget);
      if (automaton.empty) throw new Unenforceable("", "no text matches it");
      return new TextLanguage(automaton, "utf8").start;
    }
    case "choice":
      return new TextLanguage(automatonOfWords(constraint.choices, budget), "utf8").start;
    case "grammar":
      return grammarControl(constraint.grammar, budget);
    case "calls": {
      const { functions, most, otherwise } = constraint;
      const forms = functions.map(({ name, schema, ordered, param }) => ({
        name,
        argument: withParam(param, () => control({ type: "json_schema", param, schema, ordered }, budget)),
      }));
      const calls = callsControl(forms, most, budget);
      if (otherwise === "nothing") return calls;
      if (otherwise === "text") return either(plainText(budget), calls);
      return either(
        withParam(otherwise.param, () => control(otherwise, budget)),
        calls,
      );
    }
  }
}

/** A refusal of a part of a constraint, which the request has in a field of its own. */
class PartRefused extends Error {
  readonly refusal: GatewayError;

  constructor(refusal: GatewayError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

function withParam(param: string, make: () => Control): Control {
  try {
    return make();
  } catch (error) {
    throw new PartRefused(refusal(error, { param }));
  }
}
