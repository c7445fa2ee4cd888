import type { Random } from "../../drivers/local/random.ts";
import { Crowd } from "./crowd.ts";
import { type Figure, largest } from "./figures.ts";
import type { End } from "./http-client.ts";
import { comesToBe, until } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { Site } from "./site.ts";

const SLOTS = 16;
const CROWD = 32;
/** Longest that a request may go on after its engine was killed. */
const END_MS = 2000;
/** Longest until answers come again, beyond the time that loading takes. */
const BACK_MS = 3000;

/** Codes of those ends that have one; a request whose answer had begun is not to be sent again unseen. */
const CODES: Partial<Record<End["kind"], readonly string[]>> = {
  refused: ["engine_unavailable", "engine_crashed"],
  "broken off": ["engine_crashed"],
};

const PHASES = ["decode", "prefill", "loading", "idle"] as const;

/** What came of the kills so far. */
interface Tally {
  readonly ends: End[];
  /** Milliseconds from a kill to each end that is no answer. */
  readonly endMs: number[];
  /** Milliseconds from a kill to the answers of those who came after it. */
  readonly backMs: number[];
  /** Requests that came while the next engine was being started, and were not answered by it. */
  turnedAway: number;
  leftovers: number;
}

export const engineKills: Scenario = {
  name: "engine kills",
  about: `The engine is killed while it loads, computes prompts, generates or idles, under ${SLOTS} streams and as many that wait.`,
  size: 100,
  async run({ size, random }) {
    const site = await Site.start({ parallel: SLOTS });
    try {
      const loadMs = await site.loadMs();
      const files = site.openFiles;
      const tally: Tally = { ends: [], endMs: [], backMs: [], turnedAway: 0, leftovers: 0 };
      for (let round = 0; round < size; round += 1) await killOnce(site, random, round, tally);
      await comesToBe(() => site.openFiles <= files, 5000);
      return figures(site, tally, { kills: size, loadMs, filesGained: site.openFiles - files });
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

async function killOnce(site: Site, random: Random, round: number, tally: Tally): Promise<void> {
  const phase = PHASES[round % PHASES.length] ?? "idle";
  const { crowd, killedAt } = await killed(site, phase, random, round);
  const back = site.ask().then((end) => answered(site, end, tally));
  for (const end of await crowd.ends) {
    tally.ends.push(end);
    // One that reached the gateway after the kill was answered by the next engine.
    const times = end.kind === "answered" ? tally.backMs : tally.endMs;
    if (end.at > killedAt) times.push(end.at - killedAt);
  }
  if (phase === "idle")
    tally.turnedAway += (await crowd.ends).filter(({ kind }) => kind !== "answered").length;
  tally.backMs.push((await back) - killedAt);
  if (!(await comesToBe(() => site.idle(), END_MS))) tally.leftovers += 1;
  tally.leftovers += site.strayProcesses;
}

/** Kills the engine in a phase of its life; returns who was there, or came between two engines. */
async function killed(
  site: Site,
  phase: (typeof PHASES)[number],
  random: Random,
  round: number,
): Promise<{ crowd: Crowd; killedAt: number }> {
  const engine = await site.engine();
  const kill = (pid: number) => {
    process.kill(pid, "SIGKILL");
    return performance.now();
  };
  const words = phase === "prefill" ? 500 : 3;
  const maxTokens = phase === "loading" || phase === "idle" ? 4 : 700;
  const arrive = () =>
    new Crowd(CROWD, (index, onData) =>
      site.long(
        `${round} ${index} ${"why ".repeat(words)}?`,
        { stream: index % 4 !== 3, max_tokens: maxTokens },
        onData,
      ),
    );
  if (phase === "idle") {
    const killedAt = kill(engine);
    await until("a restart", async () => (await site.facts()).state !== "ready", END_MS);
    return { crowd: arrive(), killedAt };
  }
  if (phase === "loading") {
    kill(engine);
    const next = await site.engine(engine);
    const crowd = arrive();
    await ticks(below(random, 60));
    return { crowd, killedAt: kill(next) };
  }
  const crowd = arrive();
  if (phase === "decode") await crowd.morePieces(1 + below(random, 2000));
  else await until("a busy slot", async () => (await site.facts()).busy > below(random, SLOTS), 10_000);
  return { crowd, killedAt: kill(engine) };
}

/** Lets so many turns of the poll pass. */
async function ticks(count: number): Promise<void> {
  let left = count;
  await until("the last tick", () => left-- <= 0, 60_000);
}

/** Asks until there is an answer; returns when it came. */
async function answered(site: Site, first: End, tally: Tally): Promise<number> {
  let end = first;
  const limit = performance.now() + 60_000;
  while (end.kind !== "answered" && performance.now() < limit) {
    tally.ends.push(end);
    end = await site.ask();
  }
  tally.ends.push(end);
  return end.at;
}

function figures(
  site: Site,
  { ends, endMs, backMs, turnedAway, leftovers }: Tally,
  { kills, loadMs, filesGained }: { kills: number; loadMs: number; filesGained: number },
): Figure[] {
  const count = (kind: End["kind"]) => ends.filter((end) => end.kind === kind).length;
  const odd = ends.filter(({ kind, code }) => !(CODES[kind]?.includes(code) ?? true));
  return [
    { what: "kills", value: kills, most: null },
    { what: "requests", value: ends.length, most: null },
    { what: "answered", value: count("answered"), most: null },
    { what: "refused", value: count("refused"), most: null },
    { what: "streams ended by an error frame", value: count("broken off"), most: null },
    { what: "unclean ends", value: count("unclean"), most: 0 },
    { what: "ends with an unexpected code", value: odd.length, most: 0 },
    { what: "slowest end after a kill", value: largest(endMs), most: END_MS, unit: "ms" },
    { what: "loading", value: loadMs, most: null, unit: "ms" },
    { what: "slowest answer of the next engine", value: largest(backMs), most: BACK_MS + loadMs, unit: "ms" },
    { what: "came between two engines, and not answered", value: turnedAway, most: 0 },
    { what: "slots, waiters or processes left behind", value: leftovers, most: 0 },
    { what: "open files gained", value: filesGained, most: 2 },
    { what: "gateways lost", value: site.alive ? 0 : 1, most: 0 },
  ];
}
