import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../../../drivers/local/tokenizer.ts";
import { tokenizerJsonSchema } from "../../../drivers/local/tokenizer-json.ts";
import { embeddedModel, golden, tokenizerFolder } from "../../golden-data.ts";

interface TokenizerCase {
  text: string;
  ids: number[];
  ids_as_plain_text?: number[];
  decoded: string;
}

const load = (folder: string, rows: number) =>
  new Tokenizer(
    tokenizerJsonSchema.parse(JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"))),
    rows,
  );

describe.each([
  ["dolly-v2", 50280],
  ["gpt-neox-20b", 50432],
] as const)("%s", (name, rows) => {
  const tokenizer = load(tokenizerFolder(name), rows);
  const cases = golden<Record<string, TokenizerCase[]>>("tokenizer.json")[name] ?? [];

  test("markup gives the ids that the reference tokenizer gives", () => {
    expect(cases.length).toBeGreaterThan(500);
    for (const { text, ids } of cases) {
      expect(tokenizer.encode({ parts: [{ markup: text }], end: [] }), JSON.stringify(text)).toEqual(ids);
    }
  });

  test("text never becomes a control token", () => {
    expect(cases.some((item) => item.ids_as_plain_text !== undefined)).toBe(true);
    for (const { text, ids, ids_as_plain_text } of cases) {
      const encoded = tokenizer.encode({ parts: [{ text }], end: [] });
      expect(encoded, JSON.stringify(text)).toEqual(ids_as_plain_text ?? ids);
      for (const id of encoded) expect(tokenizer.vocabulary.isControl(id)).toBe(false);
    }
  });

  test("decodes byte for byte", () => {
    for (const { ids, decoded } of cases) expect(tokenizer.decode(ids, { control: true })).toBe(decoded);
  });
});

test("control tokens are found by their text, and left out of decoded text", () => {
  const tokenizer = load(tokenizerFolder("dolly-v2"), 50280);
  expect(tokenizer.controlToken("### End")).toBe(50277);
  expect(tokenizer.controlToken("### Response:\n")).toBe(50279);
  expect(tokenizer.controlToken("### Response:")).toBeUndefined();
  const ids = tokenizer.encode({
    parts: [{ text: "one" }, { special: "### End" }, { text: " two" }],
    end: [],
  });
  expect(tokenizer.decode(ids)).toBe("one two");
  expect(tokenizer.decode(ids, { control: true })).toBe("one### End two");
});

test("ids without a token decode to nothing, ids outside the vocabulary are refused by number", () => {
  const tokenizer = load(embeddedModel, 6200);
  expect(tokenizer.decode([6199])).toBe("");
  expect(() => tokenizer.encode({ parts: [{ tokens: [1, 6200] }], end: [] })).toThrow(/6200/);
  expect(() => tokenizer.encode({ parts: [{ tokens: [-1] }], end: [] })).toThrow(/-1/);
  expect(() => tokenizer.encode({ parts: [{ special: "### Nothing" }], end: [] })).toThrow(/### Nothing/);
});
