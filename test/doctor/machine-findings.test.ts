import { expect, test } from "vitest";
import type { MachineFacts } from "../../src/core/machine.ts";
import { machineFindings } from "../../src/doctor/machine-findings.ts";

const machine = (more: Partial<MachineFacts> = {}): MachineFacts => ({
  platform: "linux",
  arch: "x64",
  cores: 8,
  memory: 32e9,
  availableMemory: 20e9,
  gpus: [],
  providers: [],
  ...more,
});
const a10 = {
  vendor: "nvidia",
  name: "NVIDIA A10",
  memory: 24e9,
  freeMemory: 23e9,
  computeCapability: 8.6,
} as const;

function findings(facts: MachineFacts, { node = "v24.1.0", flags = "avx2 f16c", libraries = "" } = {}) {
  return machineFindings({
    machine: facts,
    nodeVersion: node,
    ask: (program) => (program === "ldconfig" ? libraries : undefined),
    read: () => `model name : A Processor\nflags : sse ${flags}\n`,
  });
}

test("a plain machine has nothing wrong", () => {
  const all = findings(machine());
  expect(all.filter(({ state }) => state === "warning" || state === "problem")).toEqual([]);
  expect(all).toContainEqual(
    expect.objectContaining({ what: "Processor", detail: expect.stringContaining("A Processor, avx2 f16c") }),
  );
});

test("each thing that is missing comes with what mends it", () => {
  expect(findings(machine(), { node: "v20.11.0" })).toContainEqual(
    expect.objectContaining({ what: "Node", state: "problem", mend: expect.stringContaining("Node 24") }),
  );
  expect(findings(machine(), { flags: "sse4_2" })).toContainEqual(
    expect.objectContaining({ what: "Processor", state: "warning", detail: expect.stringContaining("AVX2") }),
  );
  expect(findings(machine({ gpus: [a10] }))).toContainEqual(
    expect.objectContaining({
      what: "CUDA build of llama.cpp",
      state: "warning",
      mend: expect.stringContaining("npm install"),
    }),
  );
  const installed = machine({ gpus: [a10], providers: ["cuda"] });
  expect(findings(installed, { libraries: "libcudart.so.13 libcuda.so.1" })).toContainEqual(
    expect.objectContaining({
      what: "CUDA libraries",
      state: "problem",
      detail: "the loader finds no libcublas.so.13",
    }),
  );
  expect(findings(installed, { libraries: "libcudart.so.13 libcublas.so.13 libcuda.so.1" })).toContainEqual(
    expect.objectContaining({ what: "CUDA libraries", state: "ok" }),
  );
});
