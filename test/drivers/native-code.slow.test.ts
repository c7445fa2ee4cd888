import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const LIST = `
  await import(process.argv[1]);
  process.stdout.write(JSON.stringify(process.report.getReport().sharedObjects));
`;

/** Native modules of a process that imports a module. */
async function nativeModules(module: string): Promise<string[]> {
  const { href } = new URL(module, import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", LIST, href]);
  const loaded: string[] = JSON.parse(stdout);
  return loaded.filter((path) => path.endsWith(".node"));
}

test("native code is loaded in engine processes only", async () => {
  expect(await nativeModules("../../drivers/llama-cpp/engine.ts")).not.toEqual([]);
  expect(await nativeModules("../../src/gateway.ts")).toEqual([]);
  expect(await nativeModules("../../drivers/index.ts")).toEqual([]);
});
