import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { Log } from "../../src/core/log.ts";
import type { MachineFacts } from "../../src/core/machine.ts";
import { createGateway, type Gateway } from "../../src/gateway.ts";
import { templates } from "../../src/templates/index.ts";
import { embeddedModel } from "../golden-data.ts";

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

let cacheDir: string;
let gateway: Gateway | undefined;
let lines: Line[];
beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), "dolly-gpu-check-"));
  lines = [];
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  rmSync(cacheDir, { recursive: true, force: true });
});

function kept(): Log {
  const log = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } });
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error"), child: kept };
}

/** A machine with a GPU on which so many bytes are free. */
const machine = (freeMemory: number): MachineFacts => ({
  platform: "linux",
  arch: "x64",
  cores: 2,
  memory: 16e9,
  availableMemory: 8e9,
  gpus: [{ vendor: "nvidia", name: "Tesla T4", memory: 16e9, freeMemory, computeCapability: 7.5 }],
  providers: ["cuda"],
});

async function start(placements: string, facts: () => MachineFacts) {
  const text = `version: 1\nport: 0\nmodels: { m: { template: dolly-v2, placements: [${placements}] } }\n`;
  const config = parseConfig(
    readDocument("test.yaml", Buffer.from(text), {}),
    [],
    drivers,
    templates.map(({ name }) => name),
  );
  gateway = await createGateway({
    config,
    drivers,
    folder: cacheDir,
    cacheDir,
    log: kept(),
    machine: facts,
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  return gateway.listen();
}

async function placementOf(address: string) {
  const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "unused", maxRetries: 0 });
  const { response } = await client.chat.completions
    .create({ model: "m", messages: [{ role: "user", content: "hello" }], max_tokens: 2 })
    .withResponse();
  return response.headers.get("x-gateway-placement");
}

const own = (more: string) => `{ driver: llama-cpp, model: "${embeddedModel}", threads: 1${more} }`;

test("what a GPU has no room for is refused with both figures, and the next placement answers", async () => {
  // 4 slots of the embedded model and CUDA take more than half a gigabyte.
  const address = await start(`${own("")}, ${own(", gpu: none")}`, () => machine(0.3e9));
  expect(await placementOf(address)).toBe("m/1");
  const told = lines.filter(({ message }) => message === "placement");
  expect(told).toMatchObject([
    {
      level: "warn",
      fields: {
        model: "m",
        placement: "m/0",
        verdict: "too large",
        device: "gpu",
        rule: expect.stringMatching(/^needs 0\.\d GB on the GPU, 0\.3 GB are free$/),
        slots: 4,
        free_bytes: 0.3e9,
        total_bytes: expect.any(Number),
        free_main_memory_bytes: 8e9,
      },
    },
    { level: "info", fields: { placement: "m/1", verdict: "chosen", device: "cpu", free_bytes: 8e9 } },
  ]);
  const refusal = lines.find(({ fields }) => fields["err"] instanceof Error)?.fields["err"];
  expect(refusal).toMatchObject({
    message: expect.stringMatching(
      /^the model needs 0\.\d GB on the GPU, 0\.3 GB are free; lower parallel .*memory_check: false$/,
    ),
  });
});

test("what is free counts when the model is loaded, not when the gateway starts", async () => {
  let free = 4e9;
  const address = await start(`${own("")}, ${own(", gpu: none")}`, () => machine(free));
  expect(lines.find(({ message }) => message === "placement")?.fields).toMatchObject({ verdict: "chosen" });
  free = 0.3e9;
  expect(await placementOf(address)).toBe("m/1");
});

test("memory_check: false loads it all the same", async () => {
  const address = await start(`${own(", memory_check: false")}`, () => machine(0.3e9));
  expect(await placementOf(address)).toBe("m/0");
});
