import { expect, test } from "vitest";
import { llamaCppOptions } from "../../../drivers/llama-cpp/options.ts";

test("a path is all that is needed", () => {
  expect(llamaCppOptions.parse({ model: "m.gguf" })).toMatchObject({
    parallel: 4,
    gpu: "auto",
    kv_type: "f16",
  });
});

test.each([
  [{ main_gpu: 1, tensor_split: [1, 2] }, "set one of them"],
  [{ tensor_split: [0, 0] }, "at least one share must be above 0"],
  [{ gpu: "none", gpu_layers: 4 }, "remove gpu_layers"],
  [{ gpu: "vulkan", cuda_libraries: "/opt/cuda" }, "remove cuda_libraries"],
  [{ kv_type: "q8_0" }, "kv_type"],
  [{ parallel: 0 }, "parallel"],
  [{ n_gpu_layers: 3 }, "n_gpu_layers"],
])("refuses %j", (options, message) => {
  expect(() => llamaCppOptions.parse({ model: "m.gguf", ...options })).toThrow(message);
});
