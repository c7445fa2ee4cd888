import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterAll, describe, expect, test } from "vitest";
import { readCheckpointHeader } from "../../../drivers/local/checkpoint/index.ts";
import { convertToFolder } from "../../../drivers/onnx/convert-folder.ts";
import { precisionOf } from "../../../drivers/onnx/graph/precision.ts";
import { onnx } from "../../../drivers/onnx/index.ts";
import { gpuMemory, type KvPiece, mainMemory } from "../../../drivers/onnx/kv-memory.ts";
import { KvPool } from "../../../drivers/onnx/kv-pool.ts";
import { widenedBytes } from "../../../drivers/onnx/matrix-bytes.ts";
import { onnxOptions } from "../../../drivers/onnx/options.ts";
import { CudaDevice } from "../../../drivers/onnx/runtime/cudart.ts";
import type { TensorData } from "../../../drivers/onnx/runtime/session.ts";
import { OperatorError } from "../../../src/errors.ts";
import { embeddedModel, exportedModel } from "../../golden-data.ts";
import { buildRuntime, compilerAtHand } from "./cuda-stand-in.ts";
import { loadContext, removeCache } from "./driver-fixture.ts";
import { loadEngine } from "./onnx-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "onnx-cuda-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  removeCache();
});

describe("what a placement may ask for", () => {
  const problems = (options: Readonly<Record<string, unknown>>) =>
    onnxOptions
      .safeParse({ model: "x", ...options })
      .error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

  test.each([
    [
      { provider: "cuda", type: "f32" },
      "type: f32 cannot be computed by CUDA; there are f16, bf16, q8, int4",
    ],
    [
      { provider: "cuda", type: "int8" },
      "type: int8 cannot be computed by CUDA; there are f16, bf16, q8, int4",
    ],
    [{ device_id: 1 }, "device_id: is of provider: cuda; remove device_id, or set provider"],
    [{ gpu_mem_limit: 1e9 }, "gpu_mem_limit: is of provider: cuda; remove gpu_mem_limit, or set provider"],
    [
      { cuda_libraries: "/x" },
      "cuda_libraries: is of provider: cuda; remove cuda_libraries, or set provider",
    ],
  ])("%o is refused by name", (options, problem) => {
    expect(problems(options)).toEqual([problem]);
  });

  test.each(["f16", "bf16", "q8", "int4"])("%s on GPU 1 is not", (type) => {
    expect(problems({ provider: "cuda", type, device_id: 1, gpu_mem_limit: 8e9 })).toEqual([]);
  });
});

describe.runIf(process.platform === "linux" && process.arch === "x64")("before a model is loaded", () => {
  const inspect = (options: Readonly<Record<string, unknown>>) =>
    onnx.bind(options).inspect(loadContext({ maxModelLen: undefined }));
  const refusal = async (options: Readonly<Record<string, unknown>>, words: string | RegExp) => {
    await expect(inspect(options)).rejects.toThrow(OperatorError);
    await expect(inspect(options)).rejects.toThrow(words);
  };

  test("a missing library is told with the command that brings it", () =>
    refusal(
      { model: embeddedModel, provider: "cuda" },
      /provider: cuda: .*libonnxruntime.*Run: .*dolly install cuda/,
    ));

  test("a folder that lacks it is told by its name", () =>
    refusal(
      { model: embeddedModel, provider: "cuda", cuda_libraries: join(folder, "none") },
      join(folder, "none"),
    ));

  test("a folder that was converted for the other is refused", async () => {
    const gpu = join(folder, "for-cuda");
    const cpu = join(folder, "for-cpu");
    const conversion = { source: embeddedModel, type: "f16", block: 128 } as const;
    await convertToFolder(gpu, { ...conversion, provider: "cuda" });
    await convertToFolder(cpu, { ...conversion, provider: "cpu" });
    await refusal({ model: gpu }, `${gpu}: was converted for provider: cuda, and cpu was asked for`);
    await refusal({ model: cpu, provider: "cuda" }, "convert the checkpoint with --provider cuda");
  });

  test("an export is refused", () =>
    refusal(
      { model: exportedModel("single"), provider: "cuda" },
      "is an exported graph, which is computed on a CPU",
    ));
});

test.each([
  ["f16", 7, "take driver: llama-cpp"],
  ["f16", 7.5, undefined],
  ["bf16", 7.5, "bf16 needs 8.0: take type: f16"],
  ["bf16", 8, undefined],
  ["int4", 9, undefined],
  ["int4", 10, "has kernels for 7.5, 8.x, 9.x, 12.x"],
  ["f16", 12, undefined],
])(
  "%s on a GPU of compute capability %d is planned, or says why not",
  async (type, computeCapability, fault) => {
    const plan = onnx.plan({ model: embeddedModel, type, provider: "cuda" });
    const gpu = { vendor: "nvidia", name: "", memory: 8e9, freeMemory: 8e9, computeCapability } as const;
    const { config: shape } = await readCheckpointHeader(embeddedModel);
    const need = plan.need({ shape }, { gpus: [gpu], providers: ["onnx-cuda"] });
    if (fault === undefined) expect(need).toMatchObject({ gpus: [0] });
    else expect(need).toContain(fault);
  },
);

describe.runIf(compilerAtHand)("a GPU by CUDA's runtime, of which a stand-in is there", () => {
  /** A piece of 16-bit elements as bytes, whichever memory it lies in. */
  function bytesOf(piece: KvPiece, elements: number): Uint8Array {
    const tensorOf = (data: TensorData | bigint) => ({ value: null, data, release() {} });
    const { data } = piece.tensor({ tensor: tensorOf, gpuTensor: tensorOf }, 0, [elements]);
    return new Uint8Array(typeof data === "bigint" ? koffi.view(data, 2 * elements) : data.buffer);
  }

  let built = 0;
  function runtime(...definitions: string[]): string {
    built += 1;
    return buildRuntime(join(folder, `libcudart-${built}.so`), ...definitions);
  }

  /** A build that is not there; what is looked at before it is opened is. */
  const absentLibrary = (cudart: string) => ({
    path: "/no/libonnxruntime.so",
    release: "",
    install: "",
    folder: "",
    preload: [],
    cudart,
  });

  test("what cannot be taken is told in CUDA's words", () => {
    expect(() => new CudaDevice(runtime("STAND_IN_GPUS=0"), 0)).toThrow(
      "CUDA, looking for GPUs: no CUDA-capable device is detected",
    );
    expect(() => new CudaDevice(runtime("STAND_IN_GPUS=2"), 2)).toThrow(
      "device_id: 2: CUDA sees 2 GPUs, numbered from 0",
    );
    const gpu = new CudaDevice(runtime("STAND_IN_BYTES=1000"), 0);
    expect(() => gpu.allocate(2000)).toThrow("CUDA, taking 2000 bytes of its memory: out of memory");
  });

  test("a GPU that the library has no kernels for is refused before anything is loaded", async () => {
    const load = (compute: "f16" | "bf16", capability: number) => {
      const cudart = runtime(`STAND_IN_CAPABILITY=${capability}`);
      const library = absentLibrary(cudart);
      const settings = { device: 0, memoryLimit: null, graphs: false };
      return loadEngine(folder, embeddedModel, { compute, cuda: { library, settings } });
    };
    await expect(load("f16", 70)).rejects.toThrow(
      "device_id 0: the GPU's compute capability is 7.0, and ONNX Runtime for CUDA has kernels for 7.5, 8.x, 9.x, 12.x",
    );
    await expect(load("bf16", 75)).rejects.toThrow("and bf16 needs 8.0: take type: f16");
    await expect(load("f16", 75)).rejects.toThrow("/no/libonnxruntime.so: Failed to load");
  });

  test("a model that finds no room is refused before it is loaded, with both figures", async () => {
    const cudart = runtime("STAND_IN_BYTES=(1ull<<30)");
    const library = absentLibrary(cudart);
    const { config } = await readCheckpointHeader(embeddedModel);
    const load = (matrixBytes: number, memoryLimit: number | null) => {
      const widened = widenedBytes(config, precisionOf("q8", 128, "cuda"));
      const parts = { ...config, slots: 4, batchTokens: 516, compute: "f16" } as const;
      const memory = { ...parts, matrixBytes, widenedBytes: widened };
      const settings = { device: 0, memoryLimit, graphs: false };
      return loadEngine(folder, embeddedModel, { memory, compute: "f16", cuda: { library, settings } });
    };
    await expect(load(2e9, null)).rejects.toThrow(
      /needs about 2\.\d GB of the GPU's memory and 1\.1 GB are free; lower parallel/,
    );
    await expect(load(4e8, 3e8)).rejects.toThrow(/take about 0\.4 GB and gpu_mem_limit is 0\.3 GB; raise/);
    await expect(load(1e7, null)).rejects.toThrow("/no/libonnxruntime.so");
  });

  test("memory is zero at first, is counted, and is given back", () => {
    const gpu = new CudaDevice(runtime("STAND_IN_BYTES=4096"), 0);
    const address = gpu.allocate(1024);
    expect(new Uint8Array(koffi.view(address, 1024)).every((byte) => byte === 0)).toBe(true);
    expect(gpu.memory()).toEqual({ free: 3072, total: 4096 });
    gpu.free(address);
    expect(gpu.memory().free).toBe(4096);
  });

  test("slots are copied there as in main memory", () => {
    const gpu = new CudaDevice(runtime("STAND_IN_BYTES=65536"), 0);
    const shape = { layers: 2, heads: 3, headSize: 4, slots: 3, positions: 5 };
    const element = "f16";
    const memories = [mainMemory(element), gpuMemory(gpu, element)].map((memory) => {
      const pieces: { bytes: Uint8Array }[] = [];
      const pool = new KvPool(shape, {
        piece(elements) {
          const piece = memory.piece(elements);
          pieces.push({ bytes: bytesOf(piece, elements) });
          return piece;
        },
      });
      return { pool, pieces };
    });
    for (const { pool, pieces } of memories) {
      for (const { bytes } of pieces)
        bytes.forEach((_, at) => {
          bytes[at] = at % 251;
        });
      pool.copy(0, 2, 3);
    }
    const [main, card] = memories;
    expect(card?.pieces).toEqual(main?.pieces);
    const free = gpu.memory().free;
    card?.pool.release();
    expect(gpu.memory().free - free).toBe(2 * 2 * 3 * 3 * 5 * 4 * 2);
  });
});
