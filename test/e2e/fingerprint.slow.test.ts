import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

/** A copy of the embedded model, one bit of whose last weight is another. */
function changedModel(): string {
  const folder = mkdtempSync(join(tmpdir(), "dolly-changed-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(embeddedModel, folder, { recursive: true });
  const file = join(folder, "model.safetensors");
  const bytes = readFileSync(file);
  const last = statSync(file).size - 2;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  writeFileSync(file, bytes);
  return folder;
}

test("system_fingerprint changes with the weights, the driver, the precision and the template, and with nothing else", async () => {
  const gateway = await startGateway({
    config: `
version: 1
models:
  first: { placements: [{ driver: llama-cpp, model: ${embeddedModel}, type: f32 }] }
  renamed:
    parameters: { temperature: 0.5 }
    max_model_len: 256
    placements: [{ driver: llama-cpp, model: ${embeddedModel}, type: f32, parallel: 2 }]
  weights: { placements: [{ driver: llama-cpp, model: ${changedModel()}, type: f32 }] }
  driver: { placements: [{ driver: onnx, model: ${embeddedModel}, type: f32 }] }
  precision: { placements: [{ driver: llama-cpp, model: ${embeddedModel}, type: f16 }] }
  template: { template: plain, placements: [{ driver: llama-cpp, model: ${embeddedModel}, type: f32 }] }
`,
  });
  onTestFinished(async () => {
    await gateway.stop();
  });
  const client = gateway.client();
  const fingerprint = async (model: string, prompt = "Hi", seed = 1) =>
    (await client.completions.create({ model, prompt, seed, max_tokens: 1 })).system_fingerprint;

  const first = await fingerprint("first");
  expect(first).toMatch(/^fp_[0-9a-f]{10}$/);
  expect(await fingerprint("first", "Something else", 2)).toBe(first);
  expect(await fingerprint("renamed")).toBe(first);
  const others = [];
  for (const model of ["weights", "driver", "precision", "template"]) others.push(await fingerprint(model));
  expect(new Set([first, ...others]).size).toBe(5);
});
