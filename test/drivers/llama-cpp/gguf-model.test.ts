import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeGguf } from "../../../drivers/llama-cpp/gguf-model.ts";
import { embeddedModel } from "../../golden-data.ts";

const metadata = (changes: Readonly<Record<string, unknown>> = {}): Map<string, unknown> =>
  new Map<string, unknown>(
    Object.entries({
      "general.architecture": "gptneox",
      "general.file_type": 7,
      "gptneox.context_length": 2048,
      "gptneox.rope.dimension_count": 20,
      "gptneox.block_count": 2,
      "gptneox.embedding_length": 160,
      "gptneox.attention.head_count": 2,
      "tokenizer.ggml.tokens": Array.from({ length: 6144 }, (_, id) => `token ${id}`),
      "tokenizer.ggml.eos_token_id": 0,
      "tokenizer.huggingface.json": readFileSync(join(embeddedModel, "tokenizer.json"), "utf8"),
      ...changes,
    }),
  );

test("tells a model's facts from its header", () => {
  const model = describeGguf(metadata(), "m.gguf");
  expect(model).toMatchObject({ contextLength: 2048, vocabularySize: 6144, precision: "q8_0", endOfText: 0 });
  expect(model.tokenizer.added_tokens.map(({ content }) => content)).toContain("### End");
  expect(model.missingMetadata).toHaveProperty(["tokenizer.ggml.pre"], "olmo");
});

test("a type that has no name here, and no end of text", () => {
  const model = describeGguf(
    metadata({ "general.file_type": 999, "tokenizer.ggml.eos_token_id": undefined }),
    "m.gguf",
  );
  expect(model).toMatchObject({ precision: "gguf", endOfText: null });
});

test.each([
  [{ "general.architecture": "gptj" }, "m.gguf: is a GPT-J model, which llama.cpp does not run"],
  [{ "general.architecture": "llama" }, 'm.gguf: general.architecture is "llama"; this driver runs gptneox'],
  [{ "split.count": 3 }, "m.gguf: is one of 3 parts; join them first"],
  [{ "gptneox.rope.dimension_count": 21 }, "m.gguf: gptneox.rope.dimension_count is 21; it has to be even"],
  [
    { "gptneox.context_length": "long" },
    "m.gguf: gptneox.context_length is missing or no positive whole number",
  ],
  [{ "tokenizer.ggml.tokens": undefined }, "m.gguf: tokenizer.ggml.tokens is missing"],
])("refuses %j", (changes, message) => {
  expect(() => describeGguf(metadata(changes), "m.gguf")).toThrow(message);
});
