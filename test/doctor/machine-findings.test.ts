import { expect, test } from "vitest";
import { llamaCpp } from "../../drivers/llama-cpp/index.ts";
import { onnx } from "../../drivers/onnx/index.ts";
import type { MachineFacts } from "../../src/core/machine.ts";
import { machineFindings } from "../../src/doctor/machine-findings.ts";
import { a10, machineWith } from "../machine/facts-stand-in.ts";

function findings(facts: MachineFacts, { node = "v24.1.0", flags = "avx2 f16c", libraries = [""] } = {}) {
  return machineFindings({
    machine: facts,
    nodeVersion: node,
    ask: () => undefined,
    system: (soname) => (libraries.includes(soname) ? `/usr/lib64/${soname}` : undefined),
    read: () => `model name : A Processor\nflags : sse ${flags}\n`,
  });
}

test("a plain machine has nothing wrong", () => {
  const all = findings(machineWith());
  expect(all.filter(({ state }) => state === "warning" || state === "problem")).toEqual([]);
  expect(all).toContainEqual(
    expect.objectContaining({ what: "Processor", detail: expect.stringContaining("A Processor, avx2 f16c") }),
  );
});

test("each thing that is missing comes with what mends it", () => {
  expect(findings(machineWith(), { node: "v20.11.0" })).toContainEqual(
    expect.objectContaining({ what: "Node", state: "problem", mend: expect.stringContaining("Node 24") }),
  );
  expect(findings(machineWith(), { flags: "sse4_2" })).toContainEqual(
    expect.objectContaining({ what: "Processor", state: "warning", detail: expect.stringContaining("AVX2") }),
  );
});

test("of an NVIDIA GPU the driver's library is wanted", () => {
  const gpu = machineWith({ gpus: [a10] });
  expect(findings(gpu)).toContainEqual({
    what: "NVIDIA driver",
    state: "problem",
    detail: "the loader finds no libcuda.so.1",
    mend: expect.stringContaining("release 580"),
  });
  expect(findings(gpu, { libraries: ["libcuda.so.1"] })).toContainEqual({
    what: "NVIDIA driver",
    state: "ok",
    detail: "/usr/lib64/libcuda.so.1",
  });
  for (const without of [machineWith(), machineWith({ gpus: [{ ...a10, vendor: "amd" }] })]) {
    expect(findings(without).some(({ what }) => what === "NVIDIA driver")).toBe(false);
  }
});

test.each([
  [llamaCpp, "CUDA build of llama.cpp"],
  [onnx, "CUDA build of ONNX Runtime"],
])("an NVIDIA GPU wants the CUDA build of each engine", (driver, what) => {
  expect(driver.diagnose(machineWith(), "/nowhere")).not.toContainEqual(expect.objectContaining({ what }));
  expect(driver.diagnose(machineWith({ gpus: [a10] }), "/nowhere")).toContainEqual({
    what,
    state: "warning",
    detail: expect.stringContaining("not installed"),
    mend: "dolly install cuda --cache-dir /nowhere",
  });
});
