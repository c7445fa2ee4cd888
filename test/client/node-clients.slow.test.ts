import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { casesIn } from "../../conformance/cases.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway.stop();
});

test.each([
  { client: "the Vercel AI SDK", program: "ai-sdk.mjs", cases: 11 },
  { client: "openai for Node", program: "openai-node.mjs", cases: 27 },
])("what $client does, as `npm run conformance` runs it", async ({ program, cases }) => {
  const child = spawn(process.execPath, [`conformance/js/${program}`], {
    env: { ...process.env, BASE_URL: `${gateway.address}/v1` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  for await (const data of child.stdout) told += String(data);
  const found = casesIn((told.match(/^\{"name".*$/gm) ?? []).join("\n"));
  expect(found.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  expect(found).toHaveLength(cases);
});
