import type { Case, Suite } from "./suite.ts";

export interface SuiteResult {
  readonly suite: Suite;
  readonly cases: readonly Case[];
  /** Why it did not run. */
  readonly skipped?: string;
}

const excuse = (suite: Suite, { name, detail }: Case): string | undefined =>
  suite.excuses.find((one) => one.cases.test(name) && one.detail.test(detail))?.reason;

/** Failed cases that nothing explains. */
export const unexplained = ({ suite, cases }: SuiteResult): Case[] =>
  cases.filter((one) => one.outcome === "failed" && excuse(suite, one) === undefined);

/** What docs/conformance.md says. */
export function report(results: readonly SuiteResult[]): string {
  const rows = results.map(({ suite, cases, skipped }) => {
    if (skipped !== undefined) return `| ${suite.name} | not run: ${skipped} | | | |`;
    const count = (outcome: Case["outcome"]) => cases.filter((one) => one.outcome === outcome).length;
    const open = unexplained({ suite, cases }).length;
    return `| ${suite.name} | ${count("passed")} | ${count("failed") - open} | ${open} | ${count("skipped")} |`;
  });
  return [
    "# Other people's clients and tests against this gateway",
    "",
    "Written by `npm run conformance`, which starts the gateway on the embedded model and runs each of these suites. openai-python's own",
    "tests, LangChain's and schemathesis run as their authors ship them; the others are cases of this project, made with other people's",
    "clients or documents. A failure that is not ours to mend is named below with the reason; which ones are, is decided by a pattern of the",
    "case's name and of what it failed with, so one that fails in another way counts as a failure.",
    "",
    "| suite | passed | failed, explained | failed | skipped |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    ...results.flatMap(section),
  ].join("\n");
}

function section({ suite, cases }: SuiteResult): string[] {
  const failed = cases.filter(({ outcome }) => outcome === "failed");
  const reasons = new Map<string, Case[]>();
  for (const one of failed) {
    const reason = excuse(suite, one) ?? "Not explained:";
    reasons.set(reason, [...(reasons.get(reason) ?? []), one]);
  }
  return [
    `## ${suite.name}`,
    "",
    `${suite.about}.`,
    "",
    ...[...reasons].flatMap(([reason, excused]) => [
      `${reason}`,
      "",
      ...excused.map(
        ({ name, detail }) =>
          `- \`${name}\`${reason === "Not explained:" ? `: ${detail.replaceAll("\n", " ")}` : ""}`,
      ),
      "",
    ]),
  ];
}
