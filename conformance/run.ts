import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startGateway } from "../test/gateway-fixture.ts";
import { atHand } from "./processes.ts";
import { report, type SuiteResult, unexplained } from "./report.ts";
import { type Case, DRIVERS, type DriverName, type Suite } from "./suite.ts";
import { suites } from "./suites/index.ts";

const folder = dirname(fileURLToPath(import.meta.url));

/** Names that other people's suites ask for; here they are all the embedded model. */
const config = (driver: DriverName): string => `
models:
  dolly-v2-tiny:
    aliases: [gpt-4o, gpt-4o-mini, gpt-5.4, gpt-6-astra, gpt-3.5-turbo]
    instruct_aliases: [dolly-v2-tiny-instruct, gpt-3.5-turbo-instruct]
    preload: true
    placements:
      - { driver: ${driver}, model: ${join(dirname(folder), "models", "dolly-v2-tiny")} }
`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    /** Where suites are installed; by default a folder that is removed at the end. */
    work: { type: "string" },
    output: { type: "string" },
    /** That run the model; all of them by default. */
    driver: { type: "string", multiple: true, default: [...DRIVERS] },
    verbose: { type: "boolean", default: false },
  },
});

const temporary = values.work === undefined ? mkdtempSync(join(tmpdir(), "dolly-conformance-")) : undefined;
const work = resolve(values.work ?? temporary ?? "");
const chosen = suites.filter(
  ({ name }) => values.only.length === 0 || values.only.some((part) => name.includes(part)),
);
const unknown = values.driver.find((name) => !DRIVERS.some((driver) => driver === name));
if (unknown !== undefined)
  throw new Error(`There is no driver '${unknown}'; there are ${DRIVERS.join(", ")}.`);
const results: SuiteResult[] = [];
try {
  for (const driver of DRIVERS.filter((name) => values.driver.includes(name))) {
    const gateway = await startGateway({ config: config(driver) });
    try {
      for (const suite of chosen)
        results.push({ driver, ...(await outcome(suite, driver, gateway.address)) });
    } finally {
      await gateway.stop();
    }
  }
} finally {
  if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
}
const text = report(results);
if (values.output !== undefined) writeFileSync(values.output, text);
process.stdout.write(text);
const open = results.flatMap(unexplained);
const counted = results.flatMap(({ cases }) => cases).filter(({ outcome }) => outcome === "passed").length;
process.stdout.write(`\n${counted} passed, ${open.length} failed without an explanation\n`);
process.exitCode = open.length === 0 ? 0 : 1;

async function outcome(suite: Suite, driver: DriverName, base: string): Promise<Omit<SuiteResult, "driver">> {
  const missing = suite.needs.filter((program) => !atHand(program));
  if (missing.length > 0) return { suite, cases: [], skipped: `needs ${missing.join(", ")}` };
  let said = "";
  const note = (text: string): void => {
    said = (said + text).slice(-4000);
    if (values.verbose) process.stderr.write(text);
  };
  const own = join(work, suite.name.replace(/[^\w-]+/g, "-"));
  mkdirSync(own, { recursive: true });
  process.stderr.write(`${suite.name}, ${driver} …\n`);
  try {
    const cases = await suite.run({ base, work: own, folder, note });
    if (cases.length >= suite.atLeast) return { suite, cases };
    return { suite, cases: [...cases, failed(`told of ${cases.length} cases, and has ${suite.atLeast}`)] };
  } catch (error) {
    return { suite, cases: [failed(error instanceof Error ? error.message : String(error))] };
  }

  function failed(reason: string): Case {
    const detail = `${reason}; it said last: ${said.trim().split("\n").at(-1) ?? ""}`;
    return { name: "the suite runs whole", outcome: "failed", detail };
  }
}
