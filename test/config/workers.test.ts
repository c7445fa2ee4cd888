import { expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";

const parse = (text: string) =>
  parseConfig(readDocument("dolly.yaml", new TextEncoder().encode(`version: 1\n${text}`), {}), [], drivers, [
    "dolly-v2",
  ]);
const LOCAL = "models:\n  m:\n    placements:\n      - { driver: llama-cpp, model: ./m.gguf }\n";
const UPSTREAM = 'models:\n  m:\n    placements: [{ driver: openai, api_base: "http://127.0.0.1:1/v1" }]\n';

test("one worker is the default, and refuses nothing", () => {
  expect(parse(LOCAL).workers).toBe(1);
});

test("several workers refuse models that each would load, by place, and say what to do", () => {
  expect(() => parse(`workers: 4\nresponses: { store: none }\n${LOCAL}`)).toThrow(
    /^dolly\.yaml:7:11: models\.m\.placements\[0\]\.driver: with workers: 4 each of the 4 processes would load the model; .* driver openai$/,
  );
  expect(parse(`workers: 4\nresponses: { store: none }\n${UPSTREAM}`).workers).toBe(4);
});

test("several workers refuse responses in memory, also by default", () => {
  for (const store of ["", "responses: { store: memory }\n"]) {
    expect(() => parse(`workers: 2\n${store}${UPSTREAM}`)).toThrow(
      /responses(\.store)?: with workers: 2 .*sqlite/,
    );
  }
  expect(parse(`workers: 2\nresponses: { store: sqlite }\n${UPSTREAM}`).responses.store).toBe("sqlite");
});
