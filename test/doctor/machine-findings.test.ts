import { expect, test } from "vitest";
import { llamaCpp } from "../../drivers/llama-cpp/index.ts";
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

function findings(
  facts: MachineFacts,
  { node = "v24.1.0", flags = "avx2 f16c", libraries = "", files = [""], loaderPath = "" } = {},
) {
  return machineFindings({
    machine: facts,
    nodeVersion: node,
    ask: (program) => (program === "ldconfig" ? libraries : undefined),
    exists: (path) => files.includes(path),
    loaderPath,
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
  const installed = machine({ gpus: [a10], providers: ["cuda"] });
  expect(findings(installed, { libraries: "libcudart.so.13 libcuda.so.1" })).toContainEqual(
    expect.objectContaining({
      what: "CUDA libraries",
      state: "problem",
      detail: "the loader finds no libcublas.so.13",
    }),
  );
  const whole = expect.objectContaining({ what: "CUDA libraries", state: "ok" });
  expect(findings(installed, { libraries: "libcudart.so.13 libcublas.so.13 libcuda.so.1" })).toContainEqual(
    whole,
  );
  const cudart = {
    libraries: "libcublas.so.13 libcuda.so.1",
    files: ["/opt/cuda/lib64/libcudart.so.13"],
  };
  expect(findings(installed, { ...cudart, loaderPath: "/opt/other:/opt/cuda/lib64" })).toContainEqual(whole);
  expect(findings(installed, { ...cudart, loaderPath: "/opt/other" })).not.toContainEqual(whole);
});

test("an NVIDIA GPU wants the CUDA build, of the very release that the driver opens", () => {
  expect(llamaCpp.diagnose(machine())).not.toContainEqual(
    expect.objectContaining({ what: "CUDA build of llama.cpp" }),
  );
  expect(llamaCpp.diagnose(machine({ gpus: [a10] }))).toContainEqual({
    what: "CUDA build of llama.cpp",
    state: "warning",
    detail: expect.stringContaining("not installed"),
    mend: expect.stringMatching(/^npm install --no-save @node-llama-cpp\/\S+-cuda@\d+\.\d+\.\d+ /),
  });
});
