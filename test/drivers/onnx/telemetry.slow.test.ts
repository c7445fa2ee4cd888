import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../gateway-fixture.ts";
import { embeddedModel } from "../../golden-data.ts";

const home = mkdtempSync(join(tmpdir(), "dolly-home-"));
let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: `version: 1\nmodels: { m: { placements: [{ driver: onnx, model: "${embeddedModel}" }] } }\n`,
    // In a home of its own; ONNX Runtime collects nothing where it sees a build server.
    env: { HOME: home, XDG_CACHE_HOME: "", CI: "", GITHUB_ACTIONS: "" },
  });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(home, { recursive: true, force: true });
});

test("ONNX Runtime collects nothing about its use, and gives the machine no number", async () => {
  await gateway.client().completions.create({ model: "m", prompt: "hello", max_tokens: 4 });
  expect(gateway.enginePids()).toHaveLength(1);
  expect(readdirSync(home, { recursive: true })).toEqual([]);
});
