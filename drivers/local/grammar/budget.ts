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

  constructor() {
    super("it is too complex to be compiled in the time that a request may take");
  }
}

/**
 * Units of work that one compilation may do, each some tens of nanoseconds. Counting them instead of looking at the clock
 * makes what is refused the same on every machine.
 */
export class Budget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  /** Throws TooComplex where nothing is left. */
  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new TooComplex();
  }
}
