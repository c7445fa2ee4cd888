import { expect, test } from "vitest";
import { factsIn } from "../../../drivers/openai/engine-load.ts";

const names = {
  queued: ["vllm:num_requests_waiting"],
  kv: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
};

test("metrics are read by their names, older names too, over every set of labels", () => {
  const text = [
    "# HELP vllm:num_requests_waiting Number of requests waiting to be processed.",
    "# TYPE vllm:num_requests_waiting gauge",
    'vllm:num_requests_waiting{engine="0",model_name="a } b"} 3.0',
    'vllm:num_requests_waiting{engine="1",model_name="dolly"} 2.0 1764100000000',
    'vllm:num_requests_waiting_by_reason{engine="0"} 50.0',
    'vllm:gpu_cache_usage_perc{engine="0"} 0.25',
    'vllm:gpu_cache_usage_perc{engine="1"} 0.5',
  ].join("\n");
  expect(factsIn(text, names)).toEqual({ engineWaiting: 5, kvUsage: 0.5 });
  expect(factsIn("vllm:num_requests_waiting 7", names)).toEqual({ engineWaiting: 7 });
  for (const nothing of ["", "<html>", "vllm:num_requests_waiting NaN", "vllm:num_requests_waiting{"]) {
    expect(factsIn(nothing, names)).toBeUndefined();
  }
});
