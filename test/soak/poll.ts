import { setInterval } from "node:timers/promises";

/** Milliseconds between two looks at what sends no event: another process's state. */
const BETWEEN_MS = 5;

/** Looks until the answer is yes, and returns the milliseconds that it took. Throws after `limitMs`, naming `what`. */
export async function until(
  what: string,
  answer: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<number> {
  const since = performance.now();
  if (await answer()) return performance.now() - since;
  for await (const _ of setInterval(BETWEEN_MS)) {
    if (await answer()) break;
    if (performance.now() - since > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
  }
  return performance.now() - since;
}

/** As `until`, but says whether it came to be rather than throwing. */
export async function comesToBe(answer: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  return until("", answer, limitMs).then(
    () => true,
    () => false,
  );
}
