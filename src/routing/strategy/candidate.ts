/** What a strategy knows of a placement that may be tried. */
export interface Candidate {
  readonly id: string;
  /** How much of the requests it should get, beside the others' weights; above 0. */
  readonly weight: number;
  /** Requests that this gateway has there now. */
  readonly inFlight: number;
  /** Requests that wait in the engine, whoever sent them; null where it does not say, or said it too long ago. */
  readonly waiting: number | null;
  /** 0 to 1: how full its KV cache is; null where that is not known. */
  readonly kvUsage: number | null;
  /** Moving mean of the milliseconds to its first token; null before the first answer. */
  readonly latencyMs: number | null;
}

/** A placement in its turn, and why it has it. */
export interface Ranked {
  readonly id: string;
  readonly reason: string;
}

/** Above this an engine is about to make requests wait, or to drop what it has cached. */
const FULL_CACHE = 0.9;

/** Requests there beside what it should bear: the lower, the sooner it answers. */
export const loadOf = ({ inFlight, waiting, weight }: Candidate): number =>
  (inFlight + (waiting ?? 0)) / weight;

export const isFull = ({ kvUsage }: Candidate): boolean => kvUsage !== null && kvUsage > FULL_CACHE;

/** The candidates by ascending score; those with a full cache last; equals in the order given. */
export function sortedBy(
  candidates: readonly Candidate[],
  score: (candidate: Candidate) => number,
): Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, score: score(candidate), full: isFull(candidate) ? 1 : 0 }))
    .sort((one, other) => one.full - other.full || one.score - other.score)
    .map(({ candidate }) => candidate);
}
