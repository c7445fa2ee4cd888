import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import { readGguf } from "../../../drivers/llama-cpp/gguf/read.ts";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";

const folder = mkdtempSync(join(tmpdir(), "convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TYPES = ["f32", "f16", "bf16", "q8_0", "q4_0"] as const;

async function converted(source: string, type: (typeof TYPES)[number]) {
  const output = join(folder, "model.gguf");
  await convertToGguf({ source, type, output });
  return readGguf(output);
}

test.for(goldenCheckpoints("neox"))("$name converts to every type", async (golden) => {
  for (const type of TYPES) {
    const header = await converted(golden.folder, type);
    expect(header.architecture).toBe("gptneox");
    const types = new Map(header.tensors.map(({ name, type: stored }) => [name, stored]));
    expect(types.get("blk.0.attn_qkv.weight")).toBe(type);
    expect(types.get("blk.0.attn_qkv.bias")).toBe("f32");
    expect(types.get("output.weight")).toBe(type === "q4_0" ? "q8_0" : type);
  }
});

test("the embedded model carries its tokenizer, its licence and what llama.cpp needs", async () => {
  const header = await converted(embeddedModel, "q4_0");
  const { metadata } = header;
  expect(Object.fromEntries([...metadata].filter(([, value]) => !Array.isArray(value)))).toMatchObject({
    "general.name": "dolly-v2-tiny",
    "general.license": "cc-by-sa-3.0",
    "general.file_type": 2,
    "gptneox.context_length": 1024,
    "gptneox.embedding_length": 320,
    "gptneox.block_count": 6,
    "gptneox.attention.head_count": 4,
    "gptneox.rope.dimension_count": 20,
    "gptneox.use_parallel_residual": true,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "olmo",
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.eot_token_id": 6141,
    "tokenizer.ggml.padding_token_id": 1,
    "tokenizer.huggingface.json": readFileSync(join(embeddedModel, "tokenizer.json"), "utf8"),
  });
});
