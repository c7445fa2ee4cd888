import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execute } from "../processes.ts";
import { pythonWith } from "../python.ts";
import type { Case, Suite } from "../suite.ts";

const RELEASE = "4.32.5";
/** Requests of each operation. */
const EXAMPLES = "60";

/** Requests that are made from the gateway's own /openapi.json, right ones and wrong ones. */
export const schemathesis: Suite = {
  name: "schemathesis",
  about: `schemathesis ${RELEASE} against /openapi.json, without operators' endpoints (\`/admin\`, \`/metrics\`): ${EXAMPLES} requests an operation; no server error, and what is answered is as documented`,
  needs: ["python3"],
  atLeast: 16,
  excuses: [],
  async run(surroundings) {
    const { base, work, note } = surroundings;
    await pythonWith([`schemathesis==${RELEASE}`], surroundings);
    const report = join(work, "junit.xml");
    await rm(report, { force: true });
    const checks =
      "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    await execute(
      join(work, "venv", "bin", "schemathesis"),
      [
        ...["run", `${base}/openapi.json`, "--checks", checks, "--max-examples", EXAMPLES, "--seed", "1"],
        ...["--phases", "examples,coverage,fuzzing", "--report", "junit", "--report-junit-path", report],
        // Operators' endpoints would unload the model under test.
        ...["--exclude-path-regex", "^/admin|^/metrics", "--request-timeout", "60", "--workers", "1"],
      ],
      { cwd: work, note },
    );
    return cases(await readFile(report, "utf8"));
  },
};

/** Cases of a JUnit report: one for each operation. */
function cases(xml: string): Case[] {
  return [...xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, head = "", body = ""]) => {
      const name = unescaped(/\bname="([^"]*)"/.exec(head)?.[1] ?? "");
      const problem = /<(failure|error)\b[^>]*?(?:message="([^"]*)")?[^>]*>([\s\S]*?)</.exec(body);
      if (problem !== null) {
        const detail = unescaped(problem[2] ?? problem[3] ?? "")
          .replace(/\s+/g, " ")
          .slice(0, 300);
        return { name, outcome: "failed", detail };
      }
      return { name, outcome: body.includes("<skipped") ? "skipped" : "passed", detail: "" };
    },
  );
}

const unescaped = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#10;", " ")
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
