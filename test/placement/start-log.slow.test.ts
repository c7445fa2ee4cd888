import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

const CONFIG = `version: 1
models:
  m:
    template: dolly-v2
    placements:
      - { driver: llama-cpp, model: "${embeddedModel}", threads: 1, when: { gpu: A10 } }
      - { driver: onnx, model: "${embeddedModel}", threads: 1 }
      - { driver: openai, api_base: "http://127.0.0.1:9/v1" }
`;

let tools: string;
let gateway: RunningGateway | undefined;
beforeEach(() => {
  tools = mkdtempSync(join(tmpdir(), "dolly-tools-"));
  // A driver that does not know the compute capability.
  writeFileSync(
    join(tools, "nvidia-smi"),
    `#!/bin/sh
case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
echo 'GPU-1234, NVIDIA A10, 23028, 22500'
`,
  );
  chmodSync(join(tools, "nvidia-smi"), 0o755);
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  rmSync(tools, { recursive: true, force: true });
});

/** What the log says of each placement at the start. */
async function told(env: Readonly<Record<string, string>>): Promise<Record<string, unknown>[]> {
  const path = `${tools}${delimiter}${process.env["PATH"]}`;
  gateway = await startGateway({ config: CONFIG, env: { PATH: path, ...env } });
  await expect.poll(() => gateway?.output()).toContain("Ready.");
  return gateway
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter(({ msg }) => msg === "placement");
}

describe.runIf(process.platform === "linux")("dolly serve tells what becomes of each placement", () => {
  test("with the figures that decide, in its log and on the screen", async () => {
    const lines = await told({});
    expect(lines).toMatchObject([
      { level: "info", model: "m", placement: "m/0", verdict: "chosen", driver: "llama-cpp" },
      {
        placement: "m/1",
        verdict: "next",
        rule: "fits; stands behind m/0",
        device: "cpu",
        precision: "f16",
        slots: 4,
        weights_bytes: expect.any(Number),
        kv_bytes_per_slot: expect.any(Number),
      },
      { placement: "m/2", verdict: "next", device: "elsewhere" },
    ]);
    const [, { total_bytes: total, free_bytes: free } = {}] = lines;
    expect(Number(total)).toBeGreaterThan(100e6);
    expect(Number(total)).toBeLessThan(Number(free));
    const screen = gateway?.output();
    expect(screen).toMatch(
      /^ {4}m\/0 \(llama-cpp, f16\): chosen: its `when` holds, and it fits; 0\.\d\d GB of /m,
    );
    expect(screen).toMatch(/^ {4}m\/2 \(openai\): next: fits; stands behind m\/0$/m);
  });

  test("without the GPUs that CUDA_VISIBLE_DEVICES hides", async () => {
    expect(await told({ CUDA_VISIBLE_DEVICES: "" })).toMatchObject([
      { placement: "m/0", verdict: "left out", rule: "when: there is no GPU A10" },
      { placement: "m/1", verdict: "chosen" },
      { placement: "m/2", verdict: "next" },
    ]);
    expect(gateway?.output()).toContain("m/0 (llama-cpp, f16): left out: when: there is no GPU A10\n");
  });
});
