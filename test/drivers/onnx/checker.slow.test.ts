import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, removeFixtures } from "./onnx-fixture.ts";

afterAll(removeFixtures);

/** A Python with the `onnx` package; `DOLLY_TEST_PYTHON` names one. */
const python = process.env["DOLLY_TEST_PYTHON"] ?? "python3";
const atHand = spawnSync(python, ["-c", "import onnx"]).status === 0;

test
  .runIf(atHand)
  .each(
    goldenCheckpoints().flatMap(({ name, folder }) =>
      (["f32", "bf16", "int8", "q8", "int4"] as const).map((type) => ({ name, folder, type })),
    ),
  )("ONNX's own checker passes $name as $type", async ({ name, folder, type }) => {
  const converted = await convertedCheckpoint(folder, name, { type });
  const check = "import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)";
  const { status, stderr } = spawnSync(python, ["-c", check, join(converted, "model.onnx")], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
