import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { run } from "../../src/cli/program.ts";
import { testDrivers } from "../config/drivers.ts";
import { terminalIn } from "./terminal-stand-in.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dolly-cli-"));
  writeFileSync(
    join(folder, "two.yaml"),
    "version: 1\nmodels: { one: { aliases: [uno], placements: [{ driver: llama-cpp, model: ./x }] } }\n",
  );
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function dolly(...argv: string[]) {
  return dollyReading("", ...argv);
}

/** With that on standard input. */
async function dollyReading(input: string, ...argv: string[]) {
  const terminal = terminalIn(folder, undefined, input);
  const status = await run(argv, { terminal, drivers: testDrivers, templates: ["dolly-v2", "plain"] });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

const { version }: { version: string } = JSON.parse(readFileSync("package.json", "utf8"));

test("--version and --help go to standard output", async () => {
  expect(await dolly("--version")).toEqual({ status: 0, printed: `${version}\n`, noted: "" });
  const help = await dolly("--help");
  expect(help).toMatchObject({ status: 0, noted: "" });
  for (const command of ["serve", "convert", "config"]) expect(help.printed).toContain(command);
  const serve = await dolly("serve", "--help");
  expect(serve.printed).toContain("llama-cpp, script");
});

test.each([
  [["serv"], "unknown command 'serv'", "Did you mean serve?"],
  [["serve", "--prot", "1"], "unknown option '--prot'", "Did you mean --port?"],
  [["serve", "a", "b"], "too many arguments", ""],
  [["serve", "--port"], "argument missing", ""],
  [["convert", "x"], "required option '--output <path>'", ""],
  [["convert", "x", "--output", "y", "--type", "q9"], "gguf has f32, f16, bf16, q8_0, q4_0", ""],
  [["config"], "check", ""],
  [[], "serve", ""],
])("wrong usage %j is explained, with status 2", async (argv, message, hint) => {
  const { status, noted } = await dolly(...argv);
  expect(status).toBe(2);
  expect(noted).toContain(message);
  expect(noted).toContain(hint);
});

test.each([
  [["serve", "--type", "f16"], "--type goes with a PATH"],
  [["serve", "--provider", "cuda"], "--provider goes with a PATH"],
  [["serve", ".", "--block", "32"], '--block: the driver "llama-cpp" has no such option'],
  [["serve", "x", "--config", "y"], "either a PATH or --config"],
  [["serve", "missing"], "missing: no such file or folder"],
  [["serve", ".", "--driver", "script"], '--driver: "script" serves no files'],
  [["serve", ".", "--driver", "llama"], '--driver: expected one of "llama-cpp", "script", found "llama"'],
  [["serve", ".", "--template", "doly"], '--template: expected one of "dolly-v2", "plain", found "doly"'],
  [["serve", ".", "--type", "q8"], '--type: expected one of "f16", "q8_0", found "q8"; did you mean "q8_0"?'],
  [["serve", ".", "--port", "many"], '--port: expected a number, found "many"'],
  [["serve", ".", "--port", "70000"], "--port: too big: expected number to be <=65535, found 70000"],
  [["eval", "perplexity", "--text", "t.txt"], "required option '--model <name>'"],
  [
    ["eval", "perplexity", "--model", "nope", "--text", "t.txt", "--config", "two.yaml"],
    "two.yaml has no such model; there are one, uno. --config",
  ],
  [["eval", "card", "--model", "nope", "--config", "two.yaml"], "--model nope: "],
  [["serve", "--config", "none.yaml"], "none.yaml: no such file"],
  [["config", "check", "."], "it is a folder, not a file"],
])("%j is refused: %s", async (argv, message) => {
  const { status, noted } = await dolly(...argv);
  expect(noted).toContain(message);
  expect(status).toBe(2);
});

test("an option that another driver has is refused with that driver's name", async () => {
  const terminal = terminalIn(folder);
  const status = await run(["serve", ".", "--block", "32"], { terminal, drivers, templates: ["plain"] });
  expect(terminal.noted).toContain('--block: the driver "llama-cpp" has no such option; --driver onnx has');
  expect(status).toBe(2);
});

test("config check says what a file would serve, without its weights", async () => {
  writeFileSync(
    join(folder, "good.yaml"),
    "port: 81\nmodels:\n  big:\n    aliases: [dolly]\n    placements: [{ driver: llama-cpp, model: ./nowhere }]\n",
  );
  const { status, printed } = await dolly("config", "check", "good.yaml");
  expect(status).toBe(0);
  for (const part of [
    "good.yaml: valid",
    "port 81",
    "big:",
    "dolly",
    "big-instruct",
    "llama-cpp",
    "./nowhere",
  ]) {
    expect(printed).toContain(part);
  }
});

test("config check explains a wrong file, with status 2", async () => {
  writeFileSync(join(folder, "bad.yaml"), "models:\n  big:\n    placement: []\n");
  const { status, noted } = await dolly("config", "check", "bad.yaml");
  expect(status).toBe(2);
  expect(noted).toContain('bad.yaml:3:5: models.big.placement: unknown key; did you mean "placements"?');
});

test("keys new prints a key once and an entry that opens for it; keys hash prints the same hash of it", async () => {
  const { status, printed } = await dolly("keys", "new", "alice");
  expect(status).toBe(0);
  const [key = "", ...rest] = printed.split("\n");
  expect(key).toMatch(/^sk-dolly-[\w-]{43}$/);
  const entry = rest.join("\n").slice(rest.join("\n").indexOf("api_keys:"));
  expect(entry).not.toContain(key);
  writeFileSync(
    join(folder, "d.yaml"),
    `version: 1\n${entry}models: {a: {placements: [{driver: script}]}}\n`,
  );
  const check = await dolly("config", "check", "d.yaml");
  expect(check).toMatchObject({
    status: 0,
    noted: "",
    printed: expect.stringContaining("key alice: every model"),
  });
  const hashed = await dollyReading(`${key}\n`, "keys", "hash");
  expect(entry).toContain(hashed.printed.trim());
  expect(await dollyReading("short\n", "keys", "hash")).toMatchObject({ status: 2 });
  expect((await dolly("keys", "new")).printed).not.toContain(key);
});

test("a file of no stated form is read with a warning, and one of a newer form is refused", async () => {
  const models = "models: {a: {placements: [{driver: script}]}}\n";
  writeFileSync(join(folder, "old.yaml"), models);
  const old = await dolly("config", "check", "old.yaml");
  expect(old.status).toBe(0);
  expect(old.noted).toContain("write `version: 1`");
  writeFileSync(join(folder, "new.yaml"), `version: 2\n${models}`);
  const newer = await dolly("config", "check", "new.yaml");
  expect(newer.status).toBe(2);
  expect(newer.noted).toMatch(/new\.yaml:1:\d+: version: .*a newer dolly/);
});
