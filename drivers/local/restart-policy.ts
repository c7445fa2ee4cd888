/** So many deaths within the window, with nothing served between them, open the circuit. */
const DEATHS = 3;
const WINDOW_MS = 60_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;

/** Times of an engine's deaths since a request was last served to its end, on the monotonic clock. */
export type Deaths = readonly number[];

/** Milliseconds to wait before the engine is started again: 0.2 s, doubled with every death, at most 10 s. */
export function restartDelay(deaths: Deaths): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, deaths.length - 1));
}

/**
 * Whether requests are refused at once while the engine is away, rather than waiting for it. An engine that starts
 * again serves whoever comes; if it dies again before it has served anybody, the circuit is still open.
 */
export function circuitIsOpen(deaths: Deaths, now: number): boolean {
  return deaths.filter((at) => now - at < WINDOW_MS).length >= DEATHS;
}
