import { expect, test } from "vitest";
import { gpuFrom } from "../../src/machine/gpu-argument.ts";
import { listGpus } from "../../src/machine/gpu-list.ts";

const GIB = 2 ** 30;

test("nvidia-smi's and rocm-smi's lists are read, and a machine without either has no GPU", () => {
  const asked: string[] = [];
  const gpus = listGpus((program) => {
    asked.push(program);
    if (program === "nvidia-smi")
      return "NVIDIA A10, 24576, 20480, 8.6\nTesla V100-SXM2-16GB, 16384, [N/A], 7.0\n\n";
    return JSON.stringify({
      card0: {
        "Card Series": "AMD Instinct MI300X",
        "VRAM Total Memory (B)": String(192 * GIB),
        "VRAM Total Used Memory (B)": String(2 * GIB),
      },
      system: { "Driver version": "6" },
    });
  });
  expect(asked).toEqual(["nvidia-smi", "rocm-smi"]);
  expect(gpus).toEqual([
    { vendor: "nvidia", name: "NVIDIA A10", memory: 24 * GIB, freeMemory: 20 * GIB, computeCapability: 8.6 },
    {
      vendor: "nvidia",
      name: "Tesla V100-SXM2-16GB",
      memory: 16 * GIB,
      freeMemory: 16 * GIB,
      computeCapability: 7,
    },
    {
      vendor: "amd",
      name: "AMD Instinct MI300X",
      memory: 192 * GIB,
      freeMemory: 190 * GIB,
      computeCapability: null,
    },
  ]);
  expect(listGpus(() => undefined)).toEqual([]);
  expect(listGpus(() => "garbage")).toEqual([]);
});

test("a GPU on the command line has a name and a memory", () => {
  expect(gpuFrom("A10 24GB")).toMatchObject({ vendor: "nvidia", memory: 24e9, computeCapability: 8.6 });
  expect(gpuFrom("T4 16 GB")).toMatchObject({ computeCapability: 7.5 });
  expect(gpuFrom("RTX A6000 48GB")).toMatchObject({ vendor: "nvidia", computeCapability: 8.6 });
  expect(gpuFrom("RTX 6000 Ada 48GB")).toMatchObject({ computeCapability: 8.9 });
  expect(gpuFrom("B200 180GB")).toMatchObject({ vendor: "nvidia", computeCapability: 10 });
  expect(gpuFrom("MI300X 192GB")).toMatchObject({ vendor: "amd", computeCapability: null });
  expect(() => gpuFrom("Voodoo 2 12GB")).toThrow(/--gpu: "Voodoo 2" is not known here; .*--machine/);
  for (const wrong of ["A10", "24GB", "A10 24", ""]) expect(() => gpuFrom(wrong)).toThrow(/--gpu: expected/);
});
