import type { Candidate } from "./candidate.ts";
import { hash32, hashPair } from "./hash.ts";

/** How far above its share of the load a placement may be and still get a request for the sake of its cache. */
export const LOAD_BOUND = 1.25;
/** Requests above its share that are as many as nothing: what chance alone brings where requests are few. */
const SLACK = 3;

/**
 * Whether each candidate has room under consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016): with
 * one request more, nobody has more than `LOAD_BOUND` times its share, or `SLACK` more than it.
 */
export function withinBound(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const requests = 1 + candidates.reduce((sum, { inFlight }) => sum + inFlight, 0);
  const weights = candidates.reduce((sum, { weight }) => sum + weight, 0);
  return ({ inFlight, weight }) => {
    const share = (requests * weight) / weights;
    return inFlight < Math.ceil(Math.max(LOAD_BOUND * share, share + SLACK));
  };
}

/**
 * The candidates in the order that a key gives them (weighted rendezvous hashing, Thaler and Ravishankar 1998): another
 * key gives another order, and a placement that comes or goes moves no key between the others.
 */
export function rendezvous(candidates: readonly Candidate[], key: number): Candidate[] {
  const scored = candidates.map((candidate) => {
    const chance = (hashPair(key, hash32(candidate.id)) + 0.5) / 2 ** 32;
    return { candidate, score: -candidate.weight / Math.log(chance) };
  });
  return scored.sort((one, other) => other.score - one.score).map(({ candidate }) => candidate);
}
