import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterAll, describe, expect, test } from "vitest";
import { convertToFolder } from "../../../drivers/onnx/convert-folder.ts";
import { onnx } from "../../../drivers/onnx/index.ts";
import { gpuMemory, type KvPiece, mainMemory } from "../../../drivers/onnx/kv-memory.ts";
import { KvPool } from "../../../drivers/onnx/kv-pool.ts";
import { onnxOptions } from "../../../drivers/onnx/options.ts";
import { CudaDevice } from "../../../drivers/onnx/runtime/cudart.ts";
import type { TensorData } from "../../../drivers/onnx/runtime/session.ts";
import { OperatorError } from "../../../src/errors.ts";
import { embeddedModel, exportedModel } from "../../golden-data.ts";
import { buildRuntime, compilerAtHand } from "./cuda-stand-in.ts";
import { loadContext, removeCache } from "./driver-fixture.ts";

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
