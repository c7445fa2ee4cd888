import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { terminalIn } from "./terminal-stand-in.ts";

let folder: string;
let cacheDir: string;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dolly-cache-"));
  cacheDir = join(folder, "cache");
  gateway = await startGateway({ env: { DOLLY_CACHE: cacheDir } });
  await gateway.client().chat.completions.create({
    model: "dolly-v2-tiny",
    max_tokens: 1,
    messages: [{ role: "user", content: "hello" }],
  });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function dolly(...argv: string[]) {
  const terminal = terminalIn(folder);
  const status = await run(["cache", ...argv, "--cache-dir", cacheDir], {
    terminal,
    drivers: [],
    templates: [],
  });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

/** Makes everything in a folder look as if nobody had touched it for 40 days. */
function age(path: string): void {
  const then = Date.now() / 1000 - 40 * 86_400;
  for (const name of readdirSync(path)) utimesSync(join(path, name), then, then);
}

const hub = () => join(folder, ".cache", "huggingface", "hub", "models--databricks--dolly-v2-3b", "blobs");

test("what was converted and pulled is listed, and is whole", async () => {
  mkdirSync(hub(), { recursive: true });
  const content = "weights";
  writeFileSync(join(hub(), createHash("sha256").update(content).digest("hex")), content);
  const { printed } = await dolly("list");
  expect(printed).toMatch(/converted {2}\d{4}-\d\d-\d\d {2}dolly-v2-tiny-f16\.gguf/);
  expect(printed).toMatch(/pulled .* databricks\/dolly-v2-3b/);
  expect(JSON.parse((await dolly("list", "--json")).printed)).toHaveLength(2);
  expect(JSON.parse((await dolly("verify", "--json")).printed)).toMatchObject([
    { damage: null },
    { damage: null },
  ]);
  expect(await dolly("verify")).toMatchObject({
    status: 0,
    printed: expect.stringContaining("whole  dolly-v2-tiny-f16.gguf"),
  });
});

test("what was long unused goes, but not while a process has it open, and of the Hub's cache only when it is asked for", async () => {
  const [entry = ""] = readdirSync(cacheDir).filter((name) => /^[0-9a-f]{32}$/.test(name));
  const stale = join(cacheDir, "0".repeat(32));
  mkdirSync(stale);
  writeFileSync(
    join(stale, "manifest.json"),
    JSON.stringify({ files: [{ name: "a.gguf", bytes: 1, sha256: "0".repeat(64) }] }),
  );
  writeFileSync(join(stale, "a.gguf"), "x");
  for (const path of [join(cacheDir, entry), stale, hub()]) age(path);
  const dry = await dolly("prune", "--older-than", "30", "--dry-run");
  expect(dry.printed).toMatch(/would go .*a\.gguf: not used since/);
  expect(JSON.parse((await dolly("prune", "--older-than", "30", "--dry-run", "--json")).printed)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: "a.gguf", bytes: expect.any(Number), outcome: "would go" }),
      expect.objectContaining({ name: "dolly-v2-tiny-f16.gguf", outcome: "kept" }),
    ]),
  );
  expect(existsSync(stale)).toBe(true);
  const { printed } = await dolly("prune", "--older-than", "30");
  expect(printed).toMatch(/kept +dolly-v2-tiny-f16\.gguf: .*a process has it open/);
  expect(printed).toMatch(/removed .*a\.gguf/);
  expect([existsSync(stale), existsSync(join(cacheDir, entry)), existsSync(hub())]).toEqual([
    false,
    true,
    true,
  ]);
  await dolly("prune", "--older-than", "30", "--pulled");
  expect(existsSync(hub())).toBe(false);
});

test("what is damaged is found, and goes once no process has it open", async () => {
  await gateway.stop();
  const [entry = ""] = readdirSync(cacheDir).filter((name) => /^[0-9a-f]{32}$/.test(name));
  truncateSync(join(cacheDir, entry, "dolly-v2-tiny-f16.gguf"), 1000);
  const verified = await dolly("verify");
  expect(verified.status).toBe(1);
  expect(verified.printed).toContain("DAMAGED  dolly-v2-tiny-f16.gguf: dolly-v2-tiny-f16.gguf is damaged");
  // Another process may be writing what is young.
  expect((await dolly("prune")).printed).toContain("freed 0.00 GB");
  age(join(cacheDir, entry));
  expect((await dolly("prune")).printed).toMatch(/removed .*is damaged/);
  expect(existsSync(join(cacheDir, entry))).toBe(false);
});

test("a conversion that has just begun stays, whatever is asked for", async () => {
  const begun = join(cacheDir, "1".repeat(32), "some.tmp");
  mkdirSync(begun, { recursive: true });
  await dolly("prune");
  expect((await dolly("prune", "--older-than", "0")).printed).toMatch(/^kept .*within the last hour$/m);
  expect(existsSync(begun)).toBe(true);
});

test("a number of days that is none is refused", async () => {
  expect(await dolly("prune", "--older-than", "soon")).toMatchObject({ status: 2 });
});
