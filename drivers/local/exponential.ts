const STEPS = 2048;
const STEP = 1 / 64;
const TABLE = Float64Array.from({ length: STEPS }, (_, step) => Math.exp(-step * STEP));
/** What lies beyond the table weighs next to nothing (less than 1.3e-14) and is rare. */
const TABLE_END = STEPS * STEP;

/**
 * exp(-x) for x >= 0, to a relative error below 1e-15, in less time than Math.exp takes: the table's entry at the step
 * below, times the Taylor polynomial of the rest, whose first lost term is (1/64)^7 / 7!. Exactly 1 at 0.
 */
export function expMinus(x: number): number {
  if (!(x < TABLE_END)) return Math.exp(-x);
  const step = (x / STEP) | 0;
  const r = step * STEP - x;
  const exp = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720))))));
  return (TABLE[step] ?? 0) * exp;
}
