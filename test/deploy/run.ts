/**
 * Checks what is in deploy/, docker-compose.yml and the metrics with the tools that read them (`npm run test:deploy`; with
 * `-- --files` without starting anything).
 * A tool that is not installed is named with how to get it, and what needs it is skipped.
 */
import { parseArgs } from "node:util";
import { perform } from "./check.ts";
import { fileChecks } from "./files.ts";
import { liveCheck } from "./live.ts";

const counts = { passed: 0, failed: 0, skipped: 0 };
const wanted = new Map<string, string>();
const { values } = parseArgs({ options: { files: { type: "boolean", default: false } } });
for (const check of values.files ? fileChecks : [...fileChecks, liveCheck]) {
  const outcome = await perform(check);
  counts[outcome.kind] += 1;
  if (outcome.kind === "passed") {
    console.log(`passed   ${check.name}: ${outcome.seen.replaceAll(/\s+/g, " ")}`);
  } else if (outcome.kind === "failed") {
    console.log(`FAILED   ${check.name}\n${outcome.reason.replaceAll(/^/gm, "         ")}`);
  } else {
    for (const { names, install } of outcome.missing) wanted.set(names.join(" or "), install);
    console.log(`skipped  ${check.name}`);
  }
}
for (const [names, install] of wanted) console.log(`missing: ${names} (${install})`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;
