/** What is asked for cannot be enforced in full; says which keyword, where, and why. */
export class Unenforceable extends Error {
  override readonly name = "Unenforceable";
  /** Path of the keyword within what was compiled, such as `properties.age.multipleOf`; "" for the whole. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** The compilation would take too long or too much memory. */
export class TooComplex extends Error {
  override readonly name = "TooComplex";

  /** `limit`: what there is too much of, such as `500,000 characters`. */
  constructor(limit: string) {
    super(`it is too complex to be compiled in the time that a request may take: more than ${limit}`);
  }
}

/** Does the work; where that is too complex, it is so at this path. */
export function at<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TooComplex) throw new Unenforceable(path, error.message);
    throw error;
  }
}

/**
 * Units of work that one compilation may do, each some tens of nanoseconds. Counting them instead of looking at the clock
 * makes what is refused the same on every machine.
 */
export class Budget {
  readonly #all: number;
  readonly #paid = new Set<string>();
  #left: number;

  constructor(units: number) {
    this.#all = units;
    this.#left = units;
  }

  /** Throws TooComplex where nothing is left. */
  spend(units: number): void {
    this.expect(units);
    this.#left -= units;
  }

  /** As `spend`, but only for the first with this name. */
  spendOnce(name: string, units: number): void {
    if (this.#paid.has(name)) return;
    this.spend(units);
    this.#paid.add(name);
  }

  /** Throws TooComplex where so much, which is certain to be spent, is not left: then nothing need be begun. */
  expect(units: number): void {
    if (units > this.#left) throw new TooComplex(`${this.#all.toLocaleString("en-US")} steps of work`);
  }
}
