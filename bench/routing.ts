/**
 * Compares the routing strategies on engines that are a model (bench/routing/engine-model.ts), with the gateway's own
 * routing code. Prints the tables of docs/decisions/0012-routing.md. Takes some minutes; the figures are the same each time.
 */

import { STRATEGIES } from "../src/routing/strategy/strategies.ts";
import { bestHitRate, type Scenario, simulate, WARM_UP } from "./routing/simulation.ts";
import { workload } from "./routing/workload.ts";

const SECONDS = 180;
/** Requests a second for each engine: some three quarters of what it can do with half of its prompts cached. */
const PER_ENGINE = 7;

const scenarios = [
  { engines: 2, gateways: 1, deathEvery: 0 },
  { engines: 8, gateways: 1, deathEvery: 0 },
  { engines: 64, gateways: 1, deathEvery: 0 },
  { engines: 64, gateways: 4, deathEvery: 0 },
  { engines: 8, gateways: 1, deathEvery: 30 },
  { engines: 64, gateways: 4, deathEvery: 10 },
];

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

for (const scenario of scenarios) {
  const requests = workload(PER_ENGINE * scenario.engines, SECONDS, 1);
  const best = bestHitRate(requests, scenario.engines);
  const deaths = scenario.deathEvery === 0 ? "none" : `one each ${scenario.deathEvery} s, away for 20 s`;
  console.log(
    `\n${scenario.engines} engines, ${scenario.gateways} gateway(s), deaths: ${deaths}; ${requests.length} requests, the first ${WARM_UP} s not counted; best possible hit rate ${percent(best)}\n`,
  );
  console.log(
    "| strategy | hit rate | of the best | most / mean load | first token p50, p95 (ms) | cut | failed |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const strategy of STRATEGIES) {
    if (strategy === "priority") continue;
    const full: Scenario = { ...scenario, strategy, deathSeconds: 20 };
    const { hitRate, imbalance, firstToken, cut, failed } = simulate(requests, SECONDS, full);
    console.log(
      `| \`${strategy}\` | ${percent(hitRate)} | ${(hitRate / best).toFixed(2)} | ${imbalance.toFixed(2)} | ${firstToken.p50.toFixed(0)}, ${firstToken.p95.toFixed(0)} | ${percent(cut)} | ${percent(failed)} |`,
    );
  }
}
