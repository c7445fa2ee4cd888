import { rendezvous, withinBound } from "./bounded.ts";
import { type Candidate, isFull, loadOf, type Ranked, sortedBy } from "./candidate.ts";
import { hash32 } from "./hash.ts";
import type { PrefixTable } from "./prefix.ts";

export const STRATEGIES = ["priority", "least_loaded", "prefix_affinity", "weighted", "latency"] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** What a request brings for the choice. */
export interface RequestTraits {
  /** `prefixBlocks` of its prompt, without what the template puts before every prompt. */
  readonly blocks: readonly number[];
  /** Requests of one session go to one place; undefined: it belongs to none. */
  readonly session: string | undefined;
}

export interface StrategyParts {
  readonly prefixes: PrefixTable;
  /** 0 to below 1. */
  random(): number;
}

type Strategy = (candidates: readonly Candidate[], traits: RequestTraits, parts: StrategyParts) => Ranked[];

const because =
  (reason: string) =>
  ({ id }: Candidate): Ranked => ({ id, reason });

/** As the config lists them. */
const priority: Strategy = (candidates) => candidates.map(because("config order"));

/** The least load first, equals by chance: several gateways must not all choose the same. */
const leastLoaded: Strategy = (candidates, _traits, { random }) =>
  sortedBy(shuffled(candidates, random), loadOf).map(because("least loaded"));

/** By chance, each in proportion to its weight (Efraimidis and Spirakis 2006: ascending -ln(u) / weight). */
const weighted: Strategy = (candidates, _traits, { random }) => {
  const keys = new Map(candidates.map((one) => [one, -Math.log(1 - random()) / one.weight]));
  return sortedBy(candidates, (one) => keys.get(one) ?? 0).map(because("drawn by weight"));
};

/** Differences in the time to the first token up to this factor are those of the prompts. */
const LIKE_LATENCY = 3;

/**
 * The least load first, where those that take longer to their first token than three times the quickest bear less of it:
 * half as much at six times. Who was never asked is taken for quick.
 */
const latency: Strategy = (candidates, _traits, { random }) => {
  const known = candidates.map(({ latencyMs }) => latencyMs).filter((ms) => ms !== null);
  const quickest = Math.max(1, Math.min(...known));
  const score = (one: Candidate): number => {
    const slowness = Math.max(1, (one.latencyMs ?? 0) / quickest / LIKE_LATENCY);
    return slowness * (loadOf(one) + 1 / one.weight);
  };
  return sortedBy(shuffled(candidates, random), score).map(because("soonest first token"));
};

/**
 * Who has computed most of the prompt's beginning, as long as it is not loaded beyond its bound. Where several have as
 * much, or nobody any, the first block that nobody has chooses: all that go on alike go to the same place.
 */
const prefixAffinity: Strategy = (candidates, { blocks }, parts) => {
  const [first] = blocks;
  if (first === undefined) return leastLoaded(candidates, { blocks, session: undefined }, parts);
  const depths = parts.prefixes.depths(blocks);
  const deepest = Math.max(0, ...candidates.map(({ id }) => depths.get(id) ?? 0));
  const order = rendezvous(candidates, blocks[Math.min(deepest, blocks.length - 1)] ?? first);
  const hasRoom = withinBound(candidates);
  const free = order.filter((one) => hasRoom(one) && !isFull(one));
  const holders = free
    .filter(({ id }) => depths.has(id))
    .toSorted((one, other) => (depths.get(other.id) ?? 0) - (depths.get(one.id) ?? 0));
  const strangers = free.filter(({ id }) => !depths.has(id));
  const loaded = sortedBy(
    order.filter((one) => !free.includes(one)),
    loadOf,
  );
  return [
    ...holders.map(because("has the prompt's beginning")),
    ...strangers.map(because("chosen by the prompt's beginning")),
    ...loaded.map(because("loaded beyond its share")),
  ];
};

const strategies: Readonly<Record<StrategyName, Strategy>> = {
  priority,
  least_loaded: leastLoaded,
  prefix_affinity: prefixAffinity,
  weighted,
  latency,
};

/** The candidates in the order in which they are tried. A session has its own place, wherever that has room. */
export function rank(
  strategy: StrategyName,
  candidates: readonly Candidate[],
  traits: RequestTraits,
  parts: StrategyParts,
): Ranked[] {
  const { session } = traits;
  const ranked = strategies[strategy](candidates, traits, parts);
  if (session === undefined) return ranked;
  const hasRoom = withinBound(candidates);
  const [own] = rendezvous(candidates, hash32(session)).filter((one) => hasRoom(one) && !isFull(one));
  if (own === undefined) return ranked;
  return [{ id: own.id, reason: "its session's place" }, ...ranked.filter(({ id }) => id !== own.id)];
}

/** Fisher and Yates. */
function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}
