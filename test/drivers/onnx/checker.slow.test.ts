import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { OnnxType, Provider } from "../../../drivers/onnx/graph/precision.ts";
import { goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, removeFixtures } from "./onnx-fixture.ts";

afterAll(removeFixtures);

/** A Python with the `onnx` package; `DOLLY_TEST_PYTHON` names one. */
const python = process.env["DOLLY_TEST_PYTHON"] ?? "python3";
const atHand = spawnSync(python, ["-c", "import onnx"]).status === 0;

const FORMS: readonly (readonly [Provider, readonly OnnxType[]])[] = [
  ["cpu", ["f32", "bf16", "int8", "q8", "int4"]],
  ["cuda", ["f16", "bf16", "q8", "int4"]],
];

test
  .runIf(atHand)
  .each(
    goldenCheckpoints().flatMap(({ name, folder }) =>
      FORMS.flatMap(([provider, types]) => types.map((type) => ({ name, folder, type, provider }))),
    ),
  )("ONNX's own checker passes $name as $type for $provider", async ({ name, folder, type, provider }) => {
  const converted = await convertedCheckpoint(folder, name, { type, provider });
  const check = "import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)";
  const { status, stderr } = spawnSync(python, ["-c", check, join(converted, "model.onnx")], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
