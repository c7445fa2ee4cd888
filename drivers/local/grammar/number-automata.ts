import { Automaton } from "./automaton.ts";
import { type Budget, Unenforceable } from "./budget.ts";
import { constant } from "./constant.ts";
import { decimalOf, digitsOf } from "./decimal.ts";
import { workOfState } from "./exploration.ts";
import { patternAutomaton } from "./pattern-automaton.ts";

/*
 * Numbers as JSON texts. No number has a negative zero. Exponents are written only where nothing is asked of the number,
 * so that each other language holds all texts of a value or none (but for what integers look like), and a complement
 * of it is the complement of the values.
 */

const DECIMAL = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?";
/** Up to e307: what is beyond may be infinite for who reads it. */
const EXPONENT = "-?[0-9](\\.[0-9]{1,20})?[eE][-+]?([0-9]|[1-9][0-9]|[12][0-9][0-9]|30[0-7])";
const NEGATIVE_ZERO = "-0(\\.0+)?([eE].*)?";

const whole = (pattern: string, budget: Budget) => patternAutomaton(pattern, "whole", budget);

export const anyNumber = constant((budget) =>
  whole(`${DECIMAL}|${EXPONENT}`, budget).without(whole(NEGATIVE_ZERO, budget), budget),
);

/** Without exponents: what all the others are parts of. */
export const decimals = constant((budget) =>
  whole(DECIMAL, budget).without(whole(NEGATIVE_ZERO, budget), budget),
);

/** As integers are written: without a point. */
export const integers = constant((budget) => whole("0|-?[1-9][0-9]{0,20}", budget));

/** All texts of integers, such as 1.0. */
export const integerValues = constant((budget) => whole("(0|-?[1-9][0-9]{0,20})(\\.0{1,20})?", budget));

/** As a number is written when it has no needless zeros, so that no two texts have one value. */
export const canonicalNumbers = constant((budget) =>
  whole("0|-?[1-9][0-9]{0,20}|-?(0|[1-9][0-9]{0,20})\\.[0-9]{0,19}[1-9]", budget),
);

/** All texts of one number without an exponent. */
export function textsOf(value: number, budget: Budget): Automaton {
  const decimal = decimalOf(value);
  const { whole: before, fraction } = digitsOf(decimal);
  const sign = decimal.digits < 0n ? "-" : "";
  const behind = fraction === "" ? "(\\.0{1,20})?" : `\\.${fraction}0{0,20}`;
  return whole(`${sign}${before}${behind}`, budget);
}

export interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** Numbers of at least a bound (`side` 1) or at most (`side` -1), as who reads them into doubles sees it. */
export function bounded(bound: Bound, side: 1 | -1, budget: Budget): Automaton {
  if (bound.value === 0 && bound.exclusive) {
    return bounded({ value: 0, exclusive: false }, side, budget).without(textsOf(0, budget), budget);
  }
  // Digits beyond a double's make no difference to its reader: what is more than a number is at least the next one.
  const decimal = decimalOf(bound.exclusive ? nextDouble(bound.value, side) : bound.value);
  const negative = decimal.digits < 0n;
  const { whole: before, fraction } = digitsOf(decimal);
  // Of the numbers with the bound's sign, those that are further from zero are kept or dropped.
  const outward = negative ? side === -1 : side === 1;
  const nearest = magnitudes(before, fraction, outward, budget);
  const [signed, others] = negative ? ["-.*", "[0-9].*"] : ["[0-9].*", "-.*"];
  const same = whole(signed, budget).and(nearest, budget);
  const opposite = negative ? side === 1 : side === -1;
  return decimals().and(opposite ? same.or(whole(others, budget), budget) : same, budget);
}

/** The double next to a number that is not 0. */
function nextDouble(value: number, side: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 === side > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** How the digits so far compare with the bound's: fewer or more of them, or the first difference. */
type Order = "less" | "equal" | "more";

interface Magnitude {
  readonly part: "sign" | "whole" | "fraction";
  /** Digits of the part so far; counts no further than is needed to compare. */
  readonly digits: number;
  readonly order: Order;
}

/** Texts, with or without a sign, whose magnitude is a decimal or lies beyond it, outward or towards zero. */
function magnitudes(before: string, fraction: string, outward: boolean, budget: Budget): Automaton {
  const compare = (order: Order, digit: string, wanted: string): Order =>
    order !== "equal" || digit === wanted ? order : digit < wanted ? "less" : "more";
  const wholeEnded = ({ digits, order }: Magnitude): Order =>
    digits < before.length ? "less" : digits > before.length ? "more" : order;
  const finished = (state: Magnitude): Order => {
    const order = state.part === "whole" ? wholeEnded(state) : state.order;
    const compared = state.part === "whole" ? 0 : state.digits;
    return order === "equal" && compared < fraction.length ? "less" : order;
  };
  return Automaton.explore<Magnitude>(
    {
      start: { part: "sign", digits: 0, order: "equal" },
      borders: NUMBER_BORDERS,
      key: ({ part, digits, order }) => `${part} ${digits} ${order}`,
      step: (state, code) => {
        const char = String.fromCharCode(code);
        if (char === "-") return state.part === "sign" ? state : undefined;
        if (char === ".") {
          return state.part === "whole"
            ? { part: "fraction", digits: 0, order: wholeEnded(state) }
            : undefined;
        }
        if (char < "0" || char > "9") return undefined;
        if (state.part === "fraction") {
          const order = compare(state.order, char, fraction[state.digits] ?? "0");
          return { part: "fraction", digits: Math.min(state.digits + 1, fraction.length), order };
        }
        const order = compare(state.order, char, before[state.digits] ?? "0");
        return { part: "whole", digits: Math.min(state.digits + 1, before.length + 1), order };
      },
      label: (state) => {
        if (state.part === "sign") return 0;
        const order = finished(state);
        return order === "equal" || (order === "more") === outward ? 1 : 0;
      },
    },
    budget,
  );
}

/** The signs, the point and each digit. */
const NUMBER_BORDERS = [0, 0x2d, 0x2e, 0x2f, ...Array.from({ length: 11 }, (_, digit) => 0x30 + digit)];

/** The largest `multipleOf`, in units of its last digit, that is tracked. */
const LARGEST_FACTOR = 100_000n;

/** Multiples of a positive number, in decimal arithmetic. Throws Unenforceable, TooComplex. */
export function multiples(of: number, budget: Budget): Automaton {
  const decimal = decimalOf(of);
  const { fraction } = digitsOf(decimal);
  const scale = fraction.length;
  const factor = decimal.digits / 10n ** BigInt(decimal.scale - scale);
  if (factor > LARGEST_FACTOR) {
    throw new Unenforceable("", `${of} has too many digits for a factor that can be enforced`);
  }
  const modulus = Number(factor);
  // Every rest is that of some number.
  budget.expect(modulus * workOfState(NUMBER_BORDERS.length));
  interface Progress {
    /** Digits behind the point so far; -1 before it. */
    readonly behind: number;
    readonly rest: number;
  }
  /** The rest of the number times 10^scale. */
  const scaled = ({ behind, rest }: Progress): number => {
    let value = rest;
    for (let at = Math.max(behind, 0); at < scale; at += 1) value = (value * 10) % modulus;
    return value;
  };
  const automaton = Automaton.explore<Progress>(
    {
      start: { behind: -1, rest: 0 },
      borders: NUMBER_BORDERS,
      key: ({ behind, rest }) => behind * modulus + rest,
      step: (state, code) => {
        if (code === 0x2d) return state;
        if (code === 0x2e) return state.behind < 0 ? { ...state, behind: 0 } : undefined;
        const digit = code - 0x30;
        if (digit < 0 || digit > 9) return undefined;
        // Behind the last digit that counts only zeros may follow.
        if (state.behind >= scale) return digit === 0 ? state : undefined;
        const behind = state.behind < 0 ? -1 : state.behind + 1;
        return { behind, rest: (state.rest * 10 + digit) % modulus };
      },
      label: (state) => (scaled(state) === 0 ? 1 : 0),
    },
    budget,
  );
  return automaton.and(decimals(), budget);
}
