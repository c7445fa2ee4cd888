import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { preload } from "../../../drivers/local/preload.ts";
import type { CudaPlace } from "../../../drivers/onnx/engine-options.ts";
import { CudaDevice } from "../../../drivers/onnx/runtime/cudart.ts";
import { ORT_RELEASE } from "../../../drivers/onnx/runtime/library.ts";
import { goldenCheckpoints } from "../../golden-data.ts";
import { buildCuda, compilerAtHand } from "./cuda-stand-in.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./onnx-fixture.ts";

/** Folder of ONNX Runtime's build for CUDA: where `dolly install cuda` put it, or a Python package's `capi`. */
const build = process.env["DOLLY_TEST_ONNX_CUDA"] ?? "";
const provider = join(build, "libonnxruntime_providers_cuda.so");
const scratch = mkdtempSync(join(tmpdir(), "cuda-provider-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  removeFixtures();
});

// The provider itself, with a stand-in for CUDA that computes nothing: results mean nothing, and every check of the provider's is real.
describe.runIf(build !== "" && existsSync(provider) && compilerAtHand)("ONNX Runtime's CUDA provider", () => {
  let place: Omit<CudaPlace, "settings">;
  let counters: Record<"captures" | "graph_launches" | "kernel_launches" | "races", () => number>;
  /** Bytes that were ever taken of each GPU. */
  let taken: () => number[];

  beforeAll(() => {
    const cuda = buildCuda(scratch, provider);
    preload(cuda.preload);
    const path = join(build, `libonnxruntime.so.${ORT_RELEASE}`);
    place = { library: { path, release: ORT_RELEASE, install: "", folder: build, ...cuda } };
    const handle = koffi.load(cuda.cudart);
    const counter = (name: string) => {
      const address = handle.symbol(`stand_in_${name}`, "int");
      return () => Number(koffi.decode(address, "int"));
    };
    counters = {
      captures: counter("captures"),
      graph_launches: counter("graph_launches"),
      kernel_launches: counter("kernel_launches"),
      races: counter("races"),
    };
    const all = koffi.address(handle.symbol("stand_in_taken", "size_t"));
    taken = () => [...new BigUint64Array(koffi.view(all, 16))].map(Number);
  });

  const cases = goldenCheckpoints().flatMap(({ name, folder }) =>
    (["f16", "bf16", "q8", "int4"] as const).flatMap((type) =>
      [false, true].map((graphs) => ({ name, folder, type, graphs })),
    ),
  );
  test.each(cases)("takes $name as $type, CUDA graphs: $graphs", async ({ name, folder, type, graphs }) => {
    const converted = await convertedCheckpoint(folder, name, { type, provider: "cuda" });
    const compute = type === "bf16" ? "bf16" : "f16";
    const settings = { device: 0, memoryLimit: null, graphs };
    const engine = await loadEngine(converted, folder, {
      contextLength: 128,
      compute,
      cuda: { ...place, settings },
    });
    try {
      expect(engine.info.device).toBe(`GPU 0: ONNX Runtime ${ORT_RELEASE}`);
      const before = { captures: counters.captures(), launches: counters.graph_launches() };
      const kernels = counters.kernel_launches();
      await engine.step([{ slot: 0, position: 0, tokens: [1, 2, 3], logits: "every" }]);
      expect(counters.kernel_launches()).toBeGreaterThan(kernels);
      engine.copy(0, 1, 3);
      for (let position = 3; position < 8; position += 1) {
        const output = await engine.step([
          { slot: 0, position, tokens: [5], logits: "last" },
          { slot: 1, position, tokens: [6], logits: "last" },
        ]);
        expect(output.rows).toBe(2);
      }
      const after = { captures: counters.captures(), launches: counters.graph_launches() };
      // One graph for the two slots, launched for each of the five steps.
      expect(after.captures - before.captures).toBe(graphs ? 1 : 0);
      expect(after.launches - before.launches).toBe(graphs ? 5 : 0);
    } finally {
      engine.close();
    }
    // Nothing was computed on, copied or read before what made it was finished.
    expect(counters.races()).toBe(0);
  });

  test.each([false, true])("takes GPU 1 alone, and gives it back; CUDA graphs: %s", async (graphs) => {
    const [checkpoint] = goldenCheckpoints("gptj");
    const { name = "", folder = "" } = checkpoint ?? {};
    const converted = await convertedCheckpoint(folder, name, { type: "f16", provider: "cuda" });
    const gpu = new CudaDevice(place.library.cudart, 1);
    const free = gpu.memory().free;
    const before = taken();
    const settings = { device: 1, memoryLimit: null, graphs };
    const engine = await loadEngine(converted, folder, { compute: "f16", cuda: { ...place, settings } });
    for (const slot of [0, 1, 2]) {
      await engine.step([{ slot, position: 0, tokens: [1, 2, 3], logits: "last" }]);
      await engine.step([{ slot, position: 3, tokens: [4], logits: "last" }]);
    }
    expect(free - gpu.memory().free).toBeGreaterThan(1e6);
    engine.close();
    const [first = 0, second = 0] = taken().map((bytes, device) => bytes - (before[device] ?? 0));
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(1e6);
    expect(gpu.memory().free).toBe(free);
  });
});
