import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missingMetadata, tokenizerFromGguf } from "../../../drivers/llama-cpp/gguf-tokenizer.ts";
import { Tokenizer } from "../../../drivers/local/tokenizer.ts";
import { type TokenizerJson, tokenizerJsonSchema } from "../../../drivers/local/tokenizer-json.ts";
import { golden, tokenizerFolder } from "../../golden-data.ts";

interface TokenizerCase {
  readonly text: string;
  readonly ids: number[];
  readonly ids_as_plain_text?: number[];
  readonly decoded: string;
}

const original = (name: "dolly-v2" | "gpt-neox-20b"): { text: string; json: TokenizerJson } => {
  const text = readFileSync(join(tokenizerFolder(name), "tokenizer.json"), "utf8");
  return { text, json: tokenizerJsonSchema.parse(JSON.parse(text)) };
};

/** The metadata of a file from 2023: no pretokeniser, every added token and every padded row user-defined. */
function oldMetadata({ model, added_tokens }: TokenizerJson, rows: number): Map<string, unknown> {
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = Array.from({ length: rows }, () => 4);
  for (const [piece, id] of Object.entries(model.vocab)) {
    tokens[id] = piece;
    types[id] = 1;
  }
  for (const { id, content } of added_tokens) {
    tokens[id] = content;
    types[id] = 4;
  }
  return new Map<string, unknown>([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", types],
    ["tokenizer.ggml.merges", model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")))],
  ]);
}

describe.each([
  ["dolly-v2", 50280],
  ["gpt-neox-20b", 50432],
] as const)("a file of 2023 with %s's tokenizer", (name, rows) => {
  const { json } = original(name);
  const tokenizer = new Tokenizer(tokenizerFromGguf(oldMetadata(json, rows), "old.gguf"), rows);
  const cases = golden<Record<string, TokenizerCase[]>>("tokenizer.json")[name] ?? [];

  test("tokenises as the original does", () => {
    expect(cases.length).toBeGreaterThan(500);
    for (const { text, ids, ids_as_plain_text, decoded } of cases) {
      const markup = tokenizer.encode({ parts: [{ markup: text }], end: [] });
      expect(markup, JSON.stringify(text)).toEqual(ids);
      const plain = tokenizer.encode({ parts: [{ text }], end: [] });
      expect(plain, JSON.stringify(text)).toEqual(ids_as_plain_text ?? ids);
      expect(tokenizer.decode(ids, { control: true })).toBe(decoded);
    }
  });

  test("has the original's control tokens, and no token for padded rows", () => {
    const control = json.added_tokens.filter(({ special }) => special).map(({ content }) => content);
    expect([...tokenizer.controlTokens].sort()).toEqual(control.sort());
    expect(tokenizer.decode([rows - 1], { control: true })).toBe(
      name === "dolly-v2" ? "### Response:\n" : "",
    );
  });
});

test("the tokenizer that a file carries wins over its token list", () => {
  const { text, json } = original("dolly-v2");
  const metadata = new Map<string, unknown>([["tokenizer.huggingface.json", text]]);
  expect(tokenizerFromGguf(metadata, "ours.gguf")).toEqual(json);
});

test.each([
  ["tokenizer.huggingface.json", "{", "tokenizer.huggingface.json is no JSON"],
  [
    "tokenizer.huggingface.json",
    "{}",
    "tokenizer.huggingface.json is no tokenizer.json of this family: added_tokens",
  ],
  ["tokenizer.ggml.model", "llama", 'tokenizer.ggml.model is "llama"'],
  ["tokenizer.ggml.tokens", [1, 2], "tokenizer.ggml.tokens is missing or no list of strings"],
  ["tokenizer.ggml.merges", undefined, "tokenizer.ggml.merges is missing"],
  ["tokenizer.ggml.token_type", "x", "tokenizer.ggml.token_type is no list of numbers"],
])("names the file and the key when %s is %j", (key, value, message) => {
  const metadata = oldMetadata(original("dolly-v2").json, 50280);
  metadata.set(key, value);
  expect(() => tokenizerFromGguf(metadata, "bad.gguf")).toThrow(`bad.gguf: ${message}`);
});

test("tells llama.cpp the pretokeniser and the end of a turn where the file does not", () => {
  const { json } = original("dolly-v2");
  const metadata = oldMetadata(json, 50280);
  expect(missingMetadata(metadata, json)).toEqual({
    "tokenizer.ggml.pre": "olmo",
    "tokenizer.ggml.eot_token_id": 50277,
  });
  metadata.set("tokenizer.ggml.pre", "olmo").set("tokenizer.ggml.eot_token_id", 50277);
  expect(missingMetadata(metadata, json)).toEqual({});
});
