import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readCheckpointHeader } from "../../../drivers/local/checkpoint/index.ts";
import type { Engine } from "../../../drivers/local/engine.ts";
import engineModule from "../../../drivers/onnx/exported/engine.ts";
import { findExport } from "../../../drivers/onnx/exported/files.ts";
import { readExport } from "../../../drivers/onnx/exported/source.ts";
import { onnx } from "../../../drivers/onnx/index.ts";
import { answerTogether } from "../../contract/golden-engine.ts";
import { exportedModel, goldenExport } from "../../golden-data.ts";
import { answerOf } from "../local/embedded-answers.ts";
import { loadContext, loadModel, removeCache } from "./driver-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "exported-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  removeCache();
});

const { context, cases } = goldenExport();

async function loadEngine(path: string): Promise<Engine> {
  const place = await findExport(path);
  if (place === undefined) throw new Error(`${path} is no export`);
  const { config } = await readCheckpointHeader(place.folder);
  const { first, later } = await readExport(place, config);
  const { layers, heads, headSize, vocabularySize } = config;
  const shape = { layers, heads, headSize, vocabularySize, contextLength: context };
  const room = { slots: cases.length, batchTokens: context, threads: 1, neededBytes: null };
  return engineModule.load({ first, later, ...shape, ...room }, () => {});
}

describe.each([
  { name: "one graph", path: exportedModel("single"), tolerance: 1e-3 },
  { name: "two graphs", path: exportedModel("split"), tolerance: 1e-3 },
  {
    name: "two graphs in one, its numbers in a file of their own",
    path: exportedModel("merged"),
    tolerance: 1e-3,
  },
  { name: "float16", path: join(exportedModel("half"), "onnx", "model_fp16.onnx"), tolerance: 2e-2 },
])("$name", ({ path, tolerance }) => {
  const closeness = { tolerance, alternatives: 5 };
  const expected = cases.map(({ greedy }) => greedy);

  test("answers as transformers does, all at once", async () => {
    const engine = await loadEngine(path);
    try {
      expect(await answerTogether(engine, cases, closeness)).toEqual(expected);
    } finally {
      engine.close();
    }
  });

  test("what is cut, copied and computed in pieces is the same", async () => {
    const engine = await loadEngine(path);
    const last = async (slot: number, position: number, tokens: readonly number[]) =>
      (await engine.step([{ slot, position, tokens, logits: "last" }])).row(0).slice();
    const prompt = cases.at(-1)?.prompt ?? [];
    const half = prompt.length >> 1;
    try {
      const whole = await last(0, 0, prompt);
      const near = (row: Float32Array) =>
        expect(Math.max(...row.map((logit, token) => Math.abs(logit - (whole[token] ?? 0))))).toBeLessThan(
          tolerance,
        );
      await last(1, 0, prompt.slice(0, half));
      near(await last(1, half, prompt.slice(half)));
      engine.copy(0, 2, half);
      near(await last(2, half, prompt.slice(half)));
      await last(2, half, [9, 8, 7]);
      near(await last(2, half, prompt.slice(half)));
      expect(() => engine.truncate(2, prompt.length + 1)).toThrow(`Slot 2 holds ${prompt.length} tokens`);
    } finally {
      engine.close();
    }
  });

  test("is served by its path", async () => {
    const { model } = await loadModel({ model: path });
    try {
      for (const { prompt, greedy } of cases) {
        expect(await answerOf(model, prompt, { stopTokens: [], maxTokens: greedy.length })).toEqual(greedy);
      }
    } finally {
      await model.close();
    }
  });
});

const inspect = (options: Readonly<Record<string, unknown>>) => onnx.bind(options).inspect(loadContext({}));

test("an export says what it is without being loaded", async () => {
  expect(await inspect({ model: exportedModel("single") })).toEqual({
    name: "single",
    contextLength: context,
    vocabularySize: 320,
    precision: "optimum-f32",
    controlTokens: ["<|endoftext|>", "### End", "### Instruction:", "### Response:\n"],
  });
});

describe("what is no export that can be served", () => {
  const copied = (layout: "single" | "split" | "merged", change: (folder: string) => void) => {
    const folder = mkdtempSync(join(scratch, "copy-"));
    cpSync(exportedModel(layout), folder, { recursive: true });
    change(folder);
    return folder;
  };
  const graph = "decoder_model_merged.onnx";
  const data = `${graph}_data`;
  const configured = (folder: string, change: Record<string, unknown>) => {
    const path = join(folder, "config.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
  };

  test.each<[string, string, RegExp]>([
    [
      "without its file of numbers",
      copied("merged", (at) => rmSync(join(at, data))),
      /merged\.onnx: needs "decoder_model_merged\.onnx_data": .*no such file/,
    ],
    [
      "with numbers cut short",
      copied("merged", (at) => truncateSync(join(at, data), 1000)),
      /onnx_data: has 1000 bytes where .* needs \d+/,
    ],
    [
      "with numbers through a link that leaves the folder",
      copied("merged", (at) => {
        rmSync(join(at, data));
        symlinkSync(join(exportedModel("merged"), data), join(at, data));
      }),
      /symbolic link that leaves the folder/,
    ],
    [
      "with numbers outside of its folder",
      copied("merged", (at) => {
        const bytes = readFileSync(join(at, graph), "latin1");
        // The same length, so that the file stays whole.
        writeFileSync(join(at, graph), bytes.replaceAll(data, "../".padEnd(data.length, "x")), "latin1");
      }),
      /"\.\.\/x+".* leaves the folder/,
    ],
    [
      "cut short",
      copied("single", (at) => truncateSync(join(at, "model.onnx"), 100_000)),
      /model\.onnx: is cut short, or no ONNX model/,
    ],
    [
      "of random bytes",
      copied("single", (at) => writeFileSync(join(at, "model.onnx"), "no graph at all")),
      /model\.onnx: is cut short, or no ONNX model/,
    ],
    [
      "of nothing",
      copied("single", (at) => writeFileSync(join(at, "model.onnx"), "")),
      /model\.onnx: is no ONNX model: it holds no graph/,
    ],
    [
      "of two graphs",
      copied("single", (at) => appendFileSync(join(at, "model.onnx"), readFileSync(join(at, "model.onnx")))),
      /model\.onnx: is no ONNX model/,
    ],
    [
      "of another shape",
      copied("single", (at) => configured(at, { num_attention_heads: 4 })),
      /past_key_values\.0\.key is \[any, 2, any, 16\] where config\.json asks for \[1, 4, any, 8\]/,
    ],
    [
      "of more layers",
      copied("single", (at) => configured(at, { num_hidden_layers: 3 })),
      /no input past_key_values\.2\.key/,
    ],
    [
      "of another architecture",
      copied("single", (at) => configured(at, { model_type: "llama" })),
      /model_type/,
    ],
    ["without a config", copied("single", (at) => rmSync(join(at, "config.json"))), /config\.json/],
    [
      "without its second graph",
      copied("split", (at) => rmSync(join(at, "decoder_with_past_model.onnx"))),
      /decoder_with_past_model\.onnx: no such file/,
    ],
    [
      "alone, though it is the beginning",
      copied("split", (at) => cpSync(join(at, "decoder_model.onnx"), join(at, "model.onnx"))),
      /takes no past_key_values: export it again/,
    ],
  ])("%s", async (_, model, message) => {
    await expect(inspect({ model })).rejects.toThrow(message);
  });

  test("a type that is asked for is not its own", async () => {
    await expect(inspect({ model: exportedModel("single"), type: "int4" })).rejects.toThrow(
      /remove type and block/,
    );
  });
});

test("a graph with an operator that ONNX Runtime has not is refused by its engine, by name", async () => {
  const folder = mkdtempSync(join(scratch, "operator-"));
  cpSync(exportedModel("single"), folder, { recursive: true });
  const path = join(folder, "model.onnx");
  writeFileSync(path, readFileSync(path, "latin1").replaceAll("Softmax", "Hardmux"), "latin1");
  await expect(loadModel({ model: folder })).rejects.toThrow(/Hardmux/);
});
