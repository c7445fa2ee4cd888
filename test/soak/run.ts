/** The faults of engines, clients and operators in their full form; the tests run them in short. `--help` tells the options. */
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Random } from "../../drivers/local/random.ts";
import { abandonedQueue } from "./abandoned-queue.ts";
import { disconnects } from "./disconnects.ts";
import { endurance } from "./endurance.ts";
import { engineKills } from "./engine-kills.ts";
import { type Figure, figureTable, violated } from "./figures.ts";
import { gatewayKills } from "./gateway-kills.ts";
import { lifecycle } from "./lifecycle.ts";
import { poison } from "./poison.ts";
import type { Scenario } from "./scenario.ts";
import { stalls } from "./stalls.ts";

const USAGE = `usage: npm run soak -- [options]

  --report FILE   write the figures there, as markdown
  --minutes N     longest time for the endurance run (default 15)
  --only NAME     run one scenario
  --seed N        what decides when the faults hit (default: a new one each time, told in the report)

Runs on Linux. Ends with status 1 where a figure is violated.
`;

const SCENARIOS: readonly Scenario[] = [
  engineKills,
  stalls,
  disconnects,
  abandonedQueue,
  poison,
  gatewayKills,
  lifecycle,
  endurance,
];

const { values: options } = parseArgs({
  options: {
    report: { type: "string" },
    minutes: { type: "string", default: "15" },
    only: { type: "string" },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const seed = Number(options.seed);
  const minutes = Number(options.minutes);
  const chosen = SCENARIOS.filter(({ name }) => options.only === undefined || name === options.only);
  if (!Number.isSafeInteger(seed) || !(minutes > 0) || chosen.length === 0) {
    const names = SCENARIOS.map(({ name }) => name).join(", ");
    throw new Error(`--seed is a whole number, --minutes is above 0, --only is one of: ${names}`);
  }
  const cores = cpus();
  const parts = [
    "# Soak",
    "What `npm run soak` found: a gateway in a process of its own, the embedded model, real faults. The tests run the same in short.",
    `Seed ${seed}; ${cores.length} × ${cores[0]?.model}; Node ${process.version}; ${new Date().toISOString()}.`,
  ];
  console.log(`${parts.join("\n\n")}\n`);
  const broken: string[] = [];
  for (const [index, scenario] of chosen.entries()) {
    const { seconds, figures } = await timed(scenario, new Random(seed, index), minutes);
    const part = `## ${scenario.name}\n\n${scenario.about} ${seconds} s.\n\n${figureTable(figures)}`;
    console.log(`${part}\n`);
    parts.push(part);
    if (options.report !== undefined) writeFileSync(options.report, `${parts.join("\n\n")}\n`);
    broken.push(...figures.filter(violated).map(({ what }) => `${scenario.name}: ${what}`));
  }
  for (const what of broken) console.error(`violated: ${what}`);
  if (broken.length > 0) process.exitCode = 1;
}

async function timed(
  scenario: Scenario,
  random: Random,
  minutes: number,
): Promise<{ seconds: number; figures: Figure[] }> {
  const since = performance.now();
  const expired = () => performance.now() - since > minutes * 60_000;
  const figures = await scenario.run({ size: scenario.size, random, expired });
  return { seconds: Math.round((performance.now() - since) / 1000), figures };
}

if (options.help) console.log(USAGE);
else await main();
