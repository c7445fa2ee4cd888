import { expect, test } from "vitest";
import { gpuFrom } from "../../src/machine/gpu-argument.ts";
import { type Ask, listGpus, listGpusLater } from "../../src/machine/gpu-list.ts";

const GIB = 2 ** 30;

const NVIDIA = `GPU-aaaa1111-0000, NVIDIA A10, 24576, 20480, 8.6
GPU-bbbb2222-0000, Tesla V100-SXM2-16GB, 16384, [N/A], 7.0

`;
const AMD = JSON.stringify({
  card0: {
    "Card Series": "AMD Instinct MI300X",
    "Unique ID": "0x5ce1",
    "VRAM Total Memory (B)": String(192 * GIB),
    "VRAM Total Used Memory (B)": String(2 * GIB),
  },
  card1: {
    "Card Series": "AMD Instinct MI210",
    "Unique ID": "0x77aa",
    "VRAM Total Memory (B)": String(64 * GIB),
    "VRAM Total Used Memory (B)": "0",
  },
  system: { "Driver version": "6" },
});
const smi: Ask = (program) => (program === "nvidia-smi" ? NVIDIA : AMD);

test("nvidia-smi's and rocm-smi's lists are read, and a machine without either has no GPU", async () => {
  const expected = [
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
    {
      vendor: "amd",
      name: "AMD Instinct MI210",
      memory: 64 * GIB,
      freeMemory: 64 * GIB,
      computeCapability: null,
    },
  ];
  expect(listGpus(smi, {})).toEqual(expected);
  expect(await listGpusLater(async (...asked) => smi(...asked), {})).toEqual(expected);
  expect(listGpus(() => undefined, {})).toEqual([]);
  expect(listGpus(() => "garbage", {})).toEqual([]);
});

test("a driver that does not know compute capabilities still has its GPUs", () => {
  const asked: string[] = [];
  const gpus = listGpus((program, [fields = ""]) => {
    if (program !== "nvidia-smi") return undefined;
    asked.push(fields);
    return fields.includes("compute_cap") ? undefined : "GPU-aaaa1111-0000, Tesla K80, 11441, 11000\n";
  }, {});
  expect(asked).toHaveLength(2);
  expect(gpus).toMatchObject([{ name: "Tesla K80", freeMemory: 11000 * 2 ** 20, computeCapability: null }]);
});

const A10 = "NVIDIA A10";
const V100 = "Tesla V100-SXM2-16GB";
const MI300 = "AMD Instinct MI300X";
const MI210 = "AMD Instinct MI210";
test.each([
  [{ CUDA_VISIBLE_DEVICES: "" }, []],
  [{ CUDA_VISIBLE_DEVICES: "0" }, [A10]],
  [{ CUDA_VISIBLE_DEVICES: "1, 0" }, [V100, A10]],
  [{ CUDA_VISIBLE_DEVICES: "GPU-bbbb2222-0000" }, [V100]],
  [{ CUDA_VISIBLE_DEVICES: "gpu-BBBB" }, [V100]],
  [{ CUDA_VISIBLE_DEVICES: "0,7,1" }, [A10]],
  [{ CUDA_VISIBLE_DEVICES: "-1" }, []],
  [{ CUDA_VISIBLE_DEVICES: "NoDevFiles" }, []],
  [{ CUDA_VISIBLE_DEVICES: "1,1" }, []],
])("of NVIDIA's, %j leaves %j", (env, names) => {
  const left = listGpus((program) => (program === "nvidia-smi" ? NVIDIA : undefined), env);
  expect(left.map(({ name }) => name)).toEqual(names);
});

test.each([
  [{ HIP_VISIBLE_DEVICES: "" }, []],
  [{ HIP_VISIBLE_DEVICES: "1" }, [MI210]],
  [{ ROCR_VISIBLE_DEVICES: "GPU-77aa" }, [MI210]],
  [{ ROCR_VISIBLE_DEVICES: "1,0", HIP_VISIBLE_DEVICES: "1" }, [MI300]],
  [{ CUDA_VISIBLE_DEVICES: "1" }, [MI210]],
  [{ CUDA_VISIBLE_DEVICES: "", HIP_VISIBLE_DEVICES: "0" }, [MI300]],
])("of AMD's, %j leaves %j", (env, names) => {
  const left = listGpus((program) => (program === "rocm-smi" ? AMD : undefined), env);
  expect(left.map(({ name }) => name)).toEqual(names);
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
