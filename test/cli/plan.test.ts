import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { run } from "../../src/cli/program.ts";
import type { PlanRow } from "../../src/placement/plan.ts";
import { KNOWN_MODELS } from "../../src/placement/shapes.ts";
import { templates } from "../../src/templates/index.ts";
import { embeddedModel } from "../golden-data.ts";
import { terminalIn } from "./terminal-stand-in.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dolly-plan-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function dolly(...argv: string[]) {
  const terminal = terminalIn(folder);
  const status = await run(["plan", ...argv], {
    terminal,
    drivers,
    templates: templates.map(({ name }) => name),
  });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

async function chosen(model: string, ...argv: string[]): Promise<PlanRow | undefined> {
  const { status, printed, noted } = await dolly("--model", model, "--json", ...argv);
  expect({ status, noted }).toEqual({ status: 0, noted: "" });
  const { models } = JSON.parse(printed) as { models: { model: string; rows: PlanRow[] }[] };
  expect(models.map((one) => one.model)).toEqual([model]);
  return models[0]?.rows.find(({ verdict }) => verdict === "chosen");
}

/** A server with much main memory, so that only the GPUs decide. */
function server(gpus: { name: string; memory: number; computeCapability: number }[]): string[] {
  const file = join(folder, "machine.json");
  writeFileSync(
    file,
    JSON.stringify({ cores: 32, memory: 256e9, gpus, providers: gpus.length > 0 ? ["cuda"] : [] }),
  );
  return ["--machine", file];
}
const gpu = (name: string, gigabytes: number, computeCapability: number) => ({
  name,
  memory: gigabytes * 1e9,
  computeCapability,
});
const T4 = gpu("Tesla T4", 15.8, 7.5);
const V100 = gpu("Tesla V100-SXM2-16GB", 16.9, 7);
const A10 = gpu("NVIDIA A10", 24.1, 8.6);
const L4 = gpu("NVIDIA L4", 24.1, 8.9);
const A100 = gpu("NVIDIA A100-SXM4-40GB", 42.4, 8);
const A100_80 = gpu("NVIDIA A100-SXM4-80GB", 85, 8);
const H100 = gpu("NVIDIA H100 80GB HBM3", 85, 9);

test.each([
  ["dolly-v2-3b", [T4], "f16"],
  ["dolly-v2-3b", [V100], "f16"],
  ["dolly-v2-7b", [V100], "q8_0"],
  ["dolly-v2-7b", [A10], "f16"],
  // As Databricks advises for the 12b on an A10.
  ["dolly-v2-12b", [A10], "q8_0"],
  ["dolly-v2-12b", [L4], "q8_0"],
  ["dolly-v2-12b", [T4], "q4_0"],
  ["dolly-v2-12b", [T4, T4], "f16"],
  ["dolly-v2-12b", [A100], "f16"],
  ["pythia-12b", [A10, A10, A10, A10], "f16"],
  ["gpt-neox-20b", [A100], "q8_0"],
  ["gpt-neox-20b", [A100_80], "f16"],
  ["gpt-neox-20b", [H100, H100], "f16"],
] as const)("%s on %j takes %s on the GPU", async (model, gpus, type) => {
  expect(await chosen(model, ...server([...gpus]))).toMatchObject({
    device: "gpu",
    driver: "llama-cpp",
    precision: type,
  });
});

test.each(Object.keys(KNOWN_MODELS))("%s has a place on a machine without a GPU", async (model) => {
  const row = await chosen(model, ...server([]));
  expect(row).toMatchObject({ device: "cpu", tokensPerSecond: null });
  expect(row?.memory?.total).toBeLessThan(256e9);
});

test("a table says why each placement is chosen or not", async () => {
  const { status, printed } = await dolly("--model", "dolly-v2-12b", "--gpu", "A10 24GB", "--count", "2");
  expect(status).toBe(0);
  expect(printed).toContain("GPUs: A10 24GB (24.0 GB free), A10 24GB (24.0 GB free).");
  expect(printed).toMatch(/dolly-v2-12b\/0 .*f16 .*gpu .*CHOSEN: its `when` holds, and it fits/);
  expect(printed).toMatch(/dolly-v2-12b\/1 .*q8_0 .*NEXT: fits; stands behind dolly-v2-12b\/0/);
  expect(printed).toMatch(/<= \d+/);
});

test("a config's own placements are judged, files and repositories alike", async () => {
  writeFileSync(
    join(folder, "fleet.yaml"),
    `version: 1
models:
  mine:
    template: dolly-v2
    placements:
      - { driver: llama-cpp, model: "${embeddedModel}", type: q8_0, parallel: 2, when: { gpu: H100 } }
      - { driver: onnx, model: "${embeddedModel}", type: f32 }
      - { driver: llama-cpp, model: databricks/dolly-v2-12b, type: f16, parallel: 200, gpu: none }
      - { driver: openai, api_base: "http://127.0.0.1:9/v1" }
      - { driver: llama-cpp, model: ./missing }
`,
  );
  const { printed } = await dolly("--config", "fleet.yaml", "--json", ...server([]));
  const { models } = JSON.parse(printed) as { models: { rows: PlanRow[] }[] };
  expect(models[0]?.rows).toMatchObject([
    { verdict: "left out", rule: "when: there is no GPU H100", precision: "q8_0" },
    { verdict: "chosen", device: "cpu", precision: "f32", contextLength: 1024 },
    { verdict: "too large", rule: expect.stringMatching(/^needs 3\d\d\.\d GB, 256\.0 GB are free$/) },
    { verdict: "next", device: "elsewhere", memory: null },
    { verdict: "impossible", rule: expect.stringContaining("missing") },
  ]);
});

test("a GPU without the build that uses it is not planned with", async () => {
  const own = (more: string) => `{ driver: llama-cpp, model: "${embeddedModel}"${more} }`;
  writeFileSync(
    join(folder, "builds.yaml"),
    `version: 1\nmodels: { mine: { template: dolly-v2, placements: [${own(", gpu: cuda")}, ${own("")}] } }\n`,
  );
  writeFileSync(
    join(folder, "no-build.json"),
    JSON.stringify({ cores: 4, memory: 32e9, gpus: [{ name: "Tesla T4", memory: 16e9 }] }),
  );
  const { printed } = await dolly(
    "--config",
    "builds.yaml",
    "--json",
    "--machine",
    join(folder, "no-build.json"),
  );
  const { models } = JSON.parse(printed) as { models: { rows: PlanRow[] }[] };
  expect(models[0]?.rows).toMatchObject([
    { verdict: "impossible", rule: "the cuda build of llama.cpp is not installed: dolly install cuda" },
    { verdict: "chosen", device: "cpu" },
  ]);
});

async function rowsOf(placements: readonly string[], gpus: Parameters<typeof server>[0]): Promise<PlanRow[]> {
  writeFileSync(
    join(folder, "own.yaml"),
    `version: 1\nmodels: { mine: { template: dolly-v2, placements: [${placements
      .map((more) => `{ driver: llama-cpp, model: databricks/dolly-v2-7b${more} }`)
      .join(", ")}] } }\n`,
  );
  const { printed, noted } = await dolly("--config", "own.yaml", "--json", ...server(gpus));
  expect(noted).toBe("");
  const { models } = JSON.parse(printed) as { models: { rows: PlanRow[] }[] };
  return models[0]?.rows ?? [];
}

test("gpu_layers parts a model between the GPU and main memory", async () => {
  const [all, none, half, output, most] = await rowsOf(
    ["", ", gpu_layers: 0", ", gpu_layers: 17", ", gpu_layers: 1", ", gpu_layers: 33"],
    [T4],
  );
  if (!all?.memory || !none?.memory || !half?.memory || !output?.memory) throw new Error("all have figures");
  expect(all).toMatchObject({
    verdict: "too large",
    rule: expect.stringMatching(/ on the GPU, 15\.8 GB are free$/),
  });
  expect(most?.memory).toEqual(all.memory);
  expect(none).toMatchObject({ device: "cpu", memory: { host: null } });
  // 16 of 32 layers and the output.
  expect(half).toMatchObject({ device: "gpu", verdict: "next" });
  expect(half.memory.kvPerSlot).toBe(all.memory.kvPerSlot / 2);
  expect(half.memory.host?.kvPerSlot).toBe(all.memory.kvPerSlot / 2);
  for (const { weights, host } of [all.memory, half.memory, output.memory]) {
    expect(weights + (host?.weights ?? 0)).toBeCloseTo(none.memory.weights, -3);
  }
  expect(output.memory).toMatchObject({ kvPerSlot: 0, host: { kvPerSlot: all.memory.kvPerSlot } });
  // The embedding never is on the GPU: 50,280 rows of 4,096 halves.
  expect(all.memory.host?.weights).toBe(50_280 * 4096 * 2);
});

test("a model whose other half does not fit main memory is told so", async () => {
  const file = join(folder, "small.json");
  writeFileSync(file, JSON.stringify({ cores: 8, memory: 6e9, gpus: [T4], providers: ["cuda"] }));
  writeFileSync(
    join(folder, "half.yaml"),
    "version: 1\nmodels: { mine: { template: dolly-v2, placements: [{ driver: llama-cpp, model: databricks/dolly-v2-7b, gpu_layers: 17 }] } }\n",
  );
  const { printed } = await dolly("--config", "half.yaml", "--machine", file);
  expect(printed).toMatch(/TOO LARGE: needs \d+\.\d GB in main memory, 6\.0 GB are free/);
});

test("the GPUs that a placement names are those whose memory counts", async () => {
  const rows = await rowsOf(
    ["", ", main_gpu: 1", ", main_gpu: 2", ", devices: [CUDA0]", ", tensor_split: [3, 1]"],
    [T4, A10],
  );
  expect(rows.map(({ memory }) => memory?.available)).toEqual([
    39.9e9,
    24.1e9,
    undefined,
    15.8e9,
    15.8e9 / 0.75,
  ]);
  expect(rows[2]).toMatchObject({
    verdict: "impossible",
    rule: "main_gpu names GPU 2, counted from 0, and there are 2",
  });
});

test("a repository whose size nobody knows is no reason against it", async () => {
  writeFileSync(
    join(folder, "unknown.yaml"),
    "version: 1\nmodels: { mine: { template: dolly-v2, placements: [{ driver: llama-cpp, model: somebody/something }] } }\n",
  );
  const { printed } = await dolly("--config", "unknown.yaml", ...server([]));
  expect(printed).toContain("CHOSEN: its size is known once it is pulled");
});

test.each([
  [["--gpu", "A10"], /--gpu: expected a name and its memory/],
  [["--count", "2"], /--count goes with --gpu/],
  [["--gpu", "A10 24GB", "--count", "none"], /--count: expected 1 to 99/],
  [["--gpu", "A10 24GB", "--this-machine"], /one of --gpu, --machine and --this-machine/],
  [["--model", "llama-7b"], /there is no preset for "llama-7b"/],
  [["--machine", "none.json"], /none\.json/],
])("%j is explained, with status 2", async (argv, message) => {
  const { status, noted } = await dolly(...argv);
  expect(status).toBe(2);
  expect(noted).toMatch(message);
});
