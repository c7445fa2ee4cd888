import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway.stop();
});

test("the Vercel AI SDK's texts, objects, tools and responses, as `npm run conformance` runs them", async () => {
  const child = spawn(process.execPath, ["conformance/js/ai-sdk.mjs"], {
    env: { ...process.env, BASE_URL: `${gateway.address}/v1` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  for await (const data of child.stdout) told += String(data);
  const cases = told
    .split("\n")
    .filter((line) => line.startsWith('{"name"'))
    .map((line) => JSON.parse(line) as { name: string; outcome: string; detail?: string });
  expect(cases.length).toBeGreaterThan(8);
  expect(cases.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
});
