import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { testDrivers } from "../config/drivers.ts";
import { terminalIn } from "./terminal-stand-in.ts";

const checkpoint = join(import.meta.dirname, "..", "golden", "checkpoints", "neox-hd80");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dolly-convert-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function convert(source: string, onSignal?: Terminal["onSignal"]) {
  const terminal = terminalIn(folder, onSignal);
  const argv = ["convert", source, "--to", "gguf", "--type", "q8_0", "--output", "out.gguf"];
  const status = await run(argv, { terminal, drivers: testDrivers, templates: [] });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

test("it writes the file and says so", async () => {
  const { status, printed } = await convert(checkpoint);
  expect(status).toBe(0);
  const { size } = statSync(join(folder, "out.gguf"));
  expect(printed).toBe(`${join(folder, "out.gguf")}: q8_0, ${size} bytes\n`);
});

test.each([
  [["--to", "gguf", "--provider", "cuda"], "--provider: only --to onnx has providers to choose from"],
  [["--to", "onnx", "--provider", "cuda", "--type", "f32"], "--type: f32 cannot be computed by CUDA"],
  [["--to", "onnx", "--provider", "tpu"], "Allowed choices are cpu, cuda"],
])("%j is explained, with status 2", async (flags, problem) => {
  const terminal = terminalIn(folder);
  const argv = ["convert", checkpoint, "--output", "out", ...flags];
  expect(await run(argv, { terminal, drivers: testDrivers, templates: [] })).toBe(2);
  expect(terminal.noted).toContain(problem);
  expect(readdirSync(folder)).toEqual([]);
});

test("an ONNX folder says what computes it", async () => {
  const terminal = terminalIn(folder);
  const argv = [
    "convert",
    checkpoint,
    "--to",
    "onnx",
    "--provider",
    "cuda",
    "--type",
    "int4",
    "--output",
    "out",
  ];
  expect(await run(argv, { terminal, drivers: testDrivers, templates: [] })).toBe(0);
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "out", "dolly-onnx.json"), "utf8"));
  expect(manifest).toMatchObject({ type: "int4", block: 128, provider: "cuda" });
});

test("what is no checkpoint is an error that names it, with status 1", async () => {
  writeFileSync(join(folder, "config.json"), "{}");
  const { status, noted } = await convert(".");
  expect(status).toBe(1);
  expect(noted).toMatch(/^dolly: .*config\.json/);
  expect(readdirSync(folder)).toEqual(["config.json"]);
});

test("a signal stops it and leaves nothing behind", async () => {
  const { status, noted } = await convert(checkpoint, (callback) => {
    callback("SIGINT");
    return () => undefined;
  });
  expect(status).toBe(1);
  expect(noted).toBe("dolly: SIGINT: stopped; nothing was written\n");
  expect(readdirSync(folder)).toEqual([]);
});
