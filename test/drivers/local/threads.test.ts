import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { computingCores, computingThreads } from "../../../drivers/local/threads.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A topology folder as Linux has it, with the siblings of each logical processor. */
function topology(siblings: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "topology-"));
  folders.push(folder);
  mkdirSync(join(folder, "cpufreq"));
  for (const [cpu, list] of siblings.entries()) {
    mkdirSync(join(folder, `cpu${cpu}`, "topology"), { recursive: true });
    writeFileSync(join(folder, `cpu${cpu}`, "topology", "thread_siblings_list"), `${list}\n`);
  }
  return folder;
}

test("two threads of one core count once", () => {
  expect(computingCores(topology(["0,2", "1,3", "0,2", "1,3"]), 4)).toBe(2);
});

test("never more than this process may use", () => {
  expect(computingCores(topology(["0", "1", "2", "3"]), 2)).toBe(2);
});

test("where the system does not tell, every logical processor counts", () => {
  expect(computingCores(join(topology([]), "missing"), 6)).toBe(6);
  expect(computingCores(topology([]), 6)).toBe(6);
});

test("a small model is computed by one thread, a larger one by every core", () => {
  expect(computingThreads(22e6, 8)).toBe(1);
  expect(computingThreads(1.6e9, 8)).toBe(8);
});
