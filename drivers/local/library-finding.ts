import { existsSync } from "node:fs";
import type { Finding } from "../../src/core/finding.ts";

/** Whether an engine's library is installed. `find`: its path; throws Error with the command that installs it. */
export function libraryFinding(what: string, find: () => string): Finding {
  try {
    const path = find();
    return existsSync(path)
      ? { what, state: "ok", detail: "installed" }
      : { what, state: "problem", detail: `${path} is missing`, mend: "npm ci" };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [detail = "", mend] = message.split(" Run: ");
    return { what, state: "problem", detail, ...(mend === undefined ? {} : { mend }) };
  }
}

/** The same of an engine's build for CUDA; without it models run on the processor. */
export function cudaFinding(engine: string, find: () => string): Finding {
  const finding = libraryFinding(`CUDA build of ${engine}`, find);
  return finding.state === "problem" ? { ...finding, state: "warning" } : finding;
}
