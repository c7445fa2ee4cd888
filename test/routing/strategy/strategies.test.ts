import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Candidate } from "../../../src/routing/strategy/candidate.ts";
import { BLOCK_CHARACTERS, PrefixTable, prefixBlocks } from "../../../src/routing/strategy/prefix.ts";
import { rank, STRATEGIES, type StrategyName } from "../../../src/routing/strategy/strategies.ts";

const candidate = (id: string, parts: Partial<Candidate> = {}): Candidate => ({
  id,
  weight: 1,
  inFlight: 0,
  waiting: null,
  kvUsage: null,
  latencyMs: null,
  ...parts,
});
const of = (count: number) => Array.from({ length: count }, (_, at) => candidate(`m/${at}`));
const text = (seed: number, blocks: number) =>
  Array.from({ length: blocks * BLOCK_CHARACTERS }, (_, at) =>
    String.fromCharCode(97 + ((at * seed + at ** 2) % 26)),
  ).join("");

/** A generator of numbers from 0 to below 1 (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ids(
  strategy: StrategyName,
  candidates: readonly Candidate[],
  {
    prompt = "",
    session,
    prefixes = new PrefixTable(1000),
    random = chance(1),
  }: {
    prompt?: string;
    session?: string;
    prefixes?: PrefixTable;
    random?: () => number;
  } = {},
): string[] {
  const traits = { blocks: prefixBlocks(prompt), session };
  return rank(strategy, candidates, traits, { prefixes, random }).map(({ id }) => id);
}

test("every strategy gives each candidate one turn, with a reason", () => {
  const some = fc.record({
    weight: fc.double({ min: 0.01, max: 100, noNaN: true }),
    inFlight: fc.nat(50),
    waiting: fc.option(fc.nat(50)),
    kvUsage: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    latencyMs: fc.option(fc.nat(5000)),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...STRATEGIES),
      fc.array(some, { minLength: 1, maxLength: 8 }),
      fc.string({ maxLength: 400 }),
      fc.option(fc.string(), { nil: undefined }),
      fc.array(fc.nat(7), { maxLength: 20 }),
      (strategy, parts, prompt, session, learned) => {
        const candidates = parts.map((part, at) => candidate(`m/${at}`, part));
        const prefixes = new PrefixTable(100);
        for (const at of learned) prefixes.learn(prefixBlocks(prompt.slice(0, at * 64)), `m/${at}`);
        const traits = { blocks: prefixBlocks(prompt), session };
        const ranked = rank(strategy, candidates, traits, { prefixes, random: chance(3) });
        expect(ranked.map(({ id }) => id).toSorted()).toEqual(candidates.map(({ id }) => id).toSorted());
        for (const { reason } of ranked) expect(reason).not.toBe("");
      },
    ),
    { numRuns: 1000, seed: 7 },
  );
});

describe("least_loaded", () => {
  test("counts what is here and what waits in the engine, beside the weight; a full cache comes last", () => {
    const candidates = [
      candidate("busy", { inFlight: 3 }),
      candidate("queued", { inFlight: 1, waiting: 4 }),
      candidate("big", { inFlight: 4, weight: 4 }),
      candidate("full", { inFlight: 0, kvUsage: 0.95 }),
    ];
    expect(ids("least_loaded", candidates)).toEqual(["big", "busy", "queued", "full"]);
  });

  test("among equals, each is first about as often", () => {
    const random = chance(5);
    const counts = new Map<string | undefined, number>();
    for (let at = 0; at < 900; at += 1) {
      const [first] = ids("least_loaded", of(3), { random });
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(240);
    expect(counts.size).toBe(3);
  });
});

test("weighted: requests fall in proportion to the weights", () => {
  const candidates = [candidate("one"), candidate("three", { weight: 3 })];
  const random = chance(2);
  let three = 0;
  for (let at = 0; at < 2000; at += 1) if (ids("weighted", candidates, { random })[0] === "three") three += 1;
  expect(three / 2000).toBeGreaterThan(0.72);
  expect(three / 2000).toBeLessThan(0.78);
});

test("latency: the soonest first token for each request that is there; who was never asked is tried", () => {
  const slow = candidate("slow", { latencyMs: 400 });
  const quick = candidate("quick", { latencyMs: 100 });
  expect(ids("latency", [slow, quick])).toEqual(["quick", "slow"]);
  expect(ids("latency", [slow, { ...quick, inFlight: 4 }])).toEqual(["slow", "quick"]);
  expect(ids("latency", [slow, candidate("new")])).toEqual(["new", "slow"]);
});

describe("prefix_affinity", () => {
  test("who has computed most of the prompt comes first, then the next", () => {
    const prefixes = new PrefixTable(1000);
    const shared = text(3, 4);
    prefixes.learn(prefixBlocks(shared), "m/1");
    prefixes.learn(prefixBlocks(shared + text(5, 3)), "m/2");
    const prompt = shared + text(5, 6);
    expect(ids("prefix_affinity", of(4), { prompt, prefixes }).slice(0, 2)).toEqual(["m/2", "m/1"]);
    // What is shorter than a block is nobody's.
    expect(ids("prefix_affinity", of(4), { prompt: "short", prefixes })).toHaveLength(4);
  });

  test("what begins alike goes to the same place, and to all places alike", () => {
    const counts = new Map<string | undefined, number>();
    for (let seed = 1; seed <= 400; seed += 1) {
      const prompt = `${seed}: ${text(seed, 3)}`;
      const first = ids("prefix_affinity", of(4), { prompt })[0];
      expect(ids("prefix_affinity", of(4).toReversed(), { prompt })[0]).toBe(first);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(70);
  });

  test("a placement that goes moves only what it had", () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const prompt = `${seed}: ${text(seed, 3)}`;
      const [first = "", second] = ids("prefix_affinity", of(4), { prompt });
      const left = of(4).filter(({ id }) => id !== first);
      expect(ids("prefix_affinity", left, { prompt })[0]).toBe(second);
      const others = of(4).filter(({ id }) => id !== second);
      expect(ids("prefix_affinity", others, { prompt })[0]).toBe(first);
    }
  });

  test("nobody gets more than a quarter above its share for the sake of its cache", () => {
    const prefixes = new PrefixTable(1000);
    const prompt = text(3, 5);
    prefixes.learn(prefixBlocks(prompt), "m/0");
    const loaded = [
      candidate("m/0", { inFlight: 50 }),
      ...of(4)
        .slice(1)
        .map((one) => ({ ...one, inFlight: 30 })),
    ];
    expect(ids("prefix_affinity", loaded, { prompt, prefixes })[0]).not.toBe("m/0");
    const even = [
      candidate("m/0", { inFlight: 40 }),
      ...of(4)
        .slice(1)
        .map((one) => ({ ...one, inFlight: 40 })),
    ];
    expect(ids("prefix_affinity", even, { prompt, prefixes })[0]).toBe("m/0");
  });

  test("the table forgets what was used longest ago, the end of a prompt before its beginning", () => {
    const prefixes = new PrefixTable(6);
    const [old, recent] = [prefixBlocks(text(3, 5)), prefixBlocks(text(7, 4))];
    prefixes.learn(old, "a");
    prefixes.learn(recent, "b");
    expect(prefixes.depths(recent).get("b")).toBe(4);
    expect(prefixes.depths(old).get("a")).toBe(2);
  });
});

test("a session has its place under every strategy, as long as that has room", () => {
  for (const strategy of STRATEGIES) {
    const places = new Set<string | undefined>();
    for (let at = 0; at < 50; at += 1) {
      const session = `session ${at}`;
      const [first] = ids(strategy, of(4), { session, random: chance(at) });
      expect(ids(strategy, of(4), { session, random: chance(at + 1) })[0]).toBe(first);
      const crowded = of(4).map((one) => (one.id === first ? { ...one, inFlight: 9 } : one));
      expect(ids(strategy, crowded, { session })[0]).not.toBe(first);
      places.add(first);
    }
    expect(places.size).toBe(4);
  }
});
