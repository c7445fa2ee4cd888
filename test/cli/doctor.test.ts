import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { run } from "../../src/cli/program.ts";
import type { Finding } from "../../src/core/finding.ts";
import { templates } from "../../src/templates/index.ts";
import { embeddedModel } from "../golden-data.ts";
import { terminalIn } from "./terminal-stand-in.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dolly-doctor-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function dolly(...argv: string[]) {
  const terminal = terminalIn(folder);
  const status = await run(["doctor", ...argv], {
    terminal,
    drivers,
    templates: templates.map(({ name }) => name),
  });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

async function findings(config: string) {
  writeFileSync(join(folder, "d.yaml"), config);
  const { status, printed } = await dolly("--config", "d.yaml", "--json");
  return { status, found: JSON.parse(printed) as Finding[] };
}

test("the embedded model has all that it wants", async () => {
  const { status, printed } = await dolly();
  expect(status).toBe(0);
  for (const what of [
    "Node",
    "Processor",
    "Memory",
    "llama.cpp",
    "ONNX Runtime",
    "Cache of converted models",
    "Config",
  ]) {
    expect(printed).toMatch(new RegExp(`^(ok|note|WARN) +${what}: `, "m"));
  }
  expect(printed).toMatch(/^ok +dolly-v2-tiny\/0 \(llama-cpp\): fits$/m);
});

test("what a config wants and is not there is told with what mends it, and the status is 1", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it has a port");
  const { status, found } = await findings(`version: 1
host: 0.0.0.0
rate_limits: { redis: "redis://:hunter2@127.0.0.1:9" }
models:
  good: { template: plain, placements: [{ driver: llama-cpp, model: "${embeddedModel}" }, { driver: onnx, model: ./missing }] }
  bad: { template: plain, placements: [{ driver: llama-cpp, model: ./missing }] }
  huge: { template: plain, placements: [{ driver: llama-cpp, model: "${embeddedModel}", parallel: 256, when: { gpu: H100 } }] }
  here: { template: dolly-v2, placements: [{ driver: openai, api_base: "http://127.0.0.1:${address.port}/v1" }] }
  away: { template: dolly-v2, placements: [{ driver: openai, api_base: "http://127.0.0.1:9/v1" }] }
`);
  await new Promise((resolve) => server.close(resolve));
  expect(status).toBe(1);
  const of = (what: string) => found.find((one) => one.what.startsWith(what));
  expect(of("API keys")).toMatchObject({ state: "warning", mend: expect.stringContaining("DOLLY_API_KEY") });
  expect(of("Redis")).toMatchObject({ state: "problem", detail: expect.stringContaining("127.0.0.1:9") });
  expect(of("good/0")).toMatchObject({ state: "ok" });
  expect(of("good/1")).toMatchObject({ state: "warning", mend: expect.stringContaining("dolly pull") });
  expect(of("bad/0")).toMatchObject({ state: "problem" });
  expect(of("huge/0")).toMatchObject({
    state: "note",
    detail: expect.stringContaining("there is no GPU H100"),
  });
  expect(of("here/0: engine")).toMatchObject({ state: "ok" });
  expect(of("away/0: engine")).toMatchObject({ state: "problem", mend: expect.stringContaining("start it") });
  expect(JSON.stringify(found)).not.toContain("hunter2");
});

test("a config that is wrong is one of the findings", async () => {
  const { status, found } = await findings("models: {}\n");
  expect(status).toBe(1);
  expect(found).toContainEqual(
    expect.objectContaining({
      what: "Config",
      state: "problem",
      detail: expect.stringContaining("at least one model"),
    }),
  );
});

test("a config of an older form is told with the new one, and works", async () => {
  const { status, found } = await findings("models: { m: { placements: [{ driver: fake }] } }\n");
  expect(status).toBe(0);
  expect(found).toContainEqual(
    expect.objectContaining({
      what: "Config form",
      state: "warning",
      detail: expect.stringContaining("write `version: 1` as its first key"),
    }),
  );
});

test.each(["version: 1\nmodels: { m: { placements: [{ driver: fake }] } }\n", "models: {}\n"])(
  "--cache-dir names the cache to look at, whatever the config: %s",
  async (config) => {
    writeFileSync(join(folder, "d.yaml"), config);
    const { printed } = await dolly("--config", "d.yaml", "--cache-dir", "elsewhere");
    expect(printed).toContain(`Cache of converted models: ${join(folder, "elsewhere")}`);
  },
);
