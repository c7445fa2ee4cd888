import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";
import { answerOf, embeddedAnswers, expectGoldenAnswers } from "../local/embedded-answers.ts";
import { loadModel, removeCache } from "./driver-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "optimum-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  removeCache();
});

/** A Python with `optimum-onnx`; `DOLLY_TEST_PYTHON` names one. */
const python = process.env["DOLLY_TEST_PYTHON"] ?? "python3";
const atHand = spawnSync(python, ["-c", "import optimum.exporters.onnx"]).status === 0;

/**
 * The transformers that Optimum works with knows a GPT-NeoX's output matrix by its older name, and would make one up
 * for a checkpoint that a later one saved.
 */
const SCRIPT = `
import sys
from optimum.exporters.onnx import main_export
from transformers import AutoModelForCausalLM
source, between, target = sys.argv[1:]
names = {"^lm_head": "embed_out"} if "neox" in source or "dolly" in source else None
AutoModelForCausalLM.from_pretrained(source, key_mapping=names, dtype="float32").save_pretrained(between)
main_export(between, target, task="text-generation-with-past")
`;

/** Exports a checkpoint with Optimum itself; its tokenizer goes along, as Optimum would have done from the Hub. */
function exported(source: string, name: string): string {
  const folder = join(scratch, name);
  const args = ["-c", SCRIPT, source, join(scratch, `${name}-checkpoint`), folder];
  const { status, stderr } = spawnSync(python, args, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    copyFileSync(join(source, file), join(folder, file));
  return folder;
}

test.runIf(atHand)("the embedded model, as Optimum exports it, answers word for word", async () => {
  const { model } = await loadModel({ model: exported(embeddedModel, "embedded") });
  try {
    await expectGoldenAnswers(model, embeddedAnswers);
  } finally {
    await model.close();
  }
});

/** Optimum's transformers passes over `rope_parameters`, as later ones write them, and would export another model. */
const readable = goldenCheckpoints().filter(
  ({ folder }) => !readFileSync(join(folder, "config.json"), "utf8").includes("rope_parameters"),
);

test.runIf(atHand).each(readable)("$name, as Optimum exports it", async ({ name, folder, cases }) => {
  const { model } = await loadModel({ model: exported(folder, name) });
  try {
    for (const { prompt, greedy } of cases.filter(({ greedy }) => greedy.length > 0)) {
      expect(await answerOf(model, prompt, { stopTokens: [], maxTokens: greedy.length })).toEqual(greedy);
    }
  } finally {
    await model.close();
  }
});
