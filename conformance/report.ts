import { byHand } from "./by-hand.ts";
import type { Case, DriverName, Suite } from "./suite.ts";

export interface SuiteResult {
  readonly suite: Suite;
  /** That ran the model. */
  readonly driver: DriverName;
  readonly cases: readonly Case[];
  /** Why it did not run. */
  readonly skipped?: string;
}

const excuse = (suite: Suite, { name, detail }: Case): string | undefined =>
  suite.excuses.find((one) => one.cases.test(name) && one.detail.test(detail))?.reason;

/** Failed cases that nothing explains. */
export const unexplained = ({ suite, cases }: Pick<SuiteResult, "suite" | "cases">): Case[] =>
  cases.filter((one) => one.outcome === "failed" && excuse(suite, one) === undefined);

/** What docs/conformance.md says. */
export function report(results: readonly SuiteResult[]): string {
  const suites = [...new Set(results.map(({ suite }) => suite))];
  const ordered = suites.flatMap((suite) => results.filter((one) => one.suite === suite));
  const rows = ordered.map(({ suite, driver, cases, skipped }) => {
    const head = `| ${suite.name} | \`${driver}\``;
    if (skipped !== undefined) return `${head} | not run: ${skipped} | | | |`;
    const count = (outcome: Case["outcome"]) => cases.filter((one) => one.outcome === outcome).length;
    const open = unexplained({ suite, cases }).length;
    return `${head} | ${count("passed")} | ${count("failed") - open} | ${open} | ${count("skipped")} |`;
  });
  return [
    "# Other people's clients and tests against this gateway",
    "",
    "Written by `npm run conformance`, which starts the gateway on the embedded model, once with each driver, and runs each of these",
    "suites. openai-python's own tests, LangChain's and schemathesis run as their authors ship them; the others are cases of this project,",
    "made with other people's clients or documents. A failure that is not ours to mend is named below with the reason; which ones are, is",
    "decided by a pattern of the case's name and of what it failed with, so one that fails in another way counts as a failure.",
    "",
    "| suite | driver | passed | failed, explained | failed | skipped |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    ...suites.flatMap((suite) => section(suite, results)),
    ...byHand,
  ].join("\n");
}

function section(suite: Suite, all: readonly SuiteResult[]): string[] {
  const results = all.filter((one) => one.suite === suite);
  /** Of each reason the cases, and with which drivers each failed. */
  const reasons = new Map<string, Map<string, DriverName[]>>();
  for (const { driver, cases } of results) {
    for (const one of cases.filter(({ outcome }) => outcome === "failed")) {
      const excused = excuse(suite, one);
      const line =
        excused === undefined ? `\`${one.name}\`: ${one.detail.replaceAll("\n", " ")}` : `\`${one.name}\``;
      const told = reasons.get(excused ?? "Not explained:") ?? new Map<string, DriverName[]>();
      told.set(line, [...(told.get(line) ?? []), driver]);
      reasons.set(excused ?? "Not explained:", told);
    }
  }
  const only = (drivers: readonly DriverName[]) =>
    drivers.length === results.length ? "" : ` (${drivers.join(", ")} only)`;
  return [
    `## ${suite.name}`,
    "",
    `${suite.about}.`,
    "",
    ...[...reasons].flatMap(([reason, told]) => [
      reason,
      "",
      ...[...told].map(([line, drivers]) => `- ${line}${only(drivers)}`),
      "",
    ]),
  ];
}
