import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { cachedModel } from "../../../drivers/local/model-cache.ts";
import { OperatorError } from "../../../src/errors.ts";

const root = mkdtempSync(join(tmpdir(), "model-cache-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CONTENT = "weights ".repeat(1000);
let cacheDir = "";
let made = 0;

beforeEach(() => {
  cacheDir = mkdtempSync(join(root, "cache-"));
  made = 0;
});

const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** The path of the larger one of an entry's two files. */
const get = async (key = "f16"): Promise<string> => {
  const folder = await cachedModel({
    cacheDir,
    key: ["content", key],
    async make(temporary) {
      made++;
      await writeFile(join(temporary, "model.gguf"), CONTENT);
      await writeFile(join(temporary, "notice"), "MIT");
      return [
        { name: "model.gguf", bytes: CONTENT.length, sha256: SHA256 },
        { name: "notice", bytes: 3, sha256: createHash("sha256").update("MIT").digest("hex") },
      ];
    },
  });
  expect(readFileSync(join(folder, "notice"), "utf8")).toBe("MIT");
  return join(folder, "model.gguf");
};

test("a model is made once, and again for another key", async () => {
  const path = await get();
  expect(readFileSync(path, "utf8")).toBe(CONTENT);
  expect(await get()).toBe(path);
  expect(made).toBe(1);
  expect(await get("q8_0")).not.toBe(path);
  expect(made).toBe(2);
});

const damages: [what: string, damage: (path: string) => void][] = [
  ["truncated", (path) => truncateSync(path, 100)],
  ["empty", (path) => writeFileSync(path, "")],
  [
    "changed in one byte",
    (path) => {
      const bytes = readFileSync(path);
      bytes[4000] = (bytes[4000] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      utimesSync(path, 1, 1);
    },
  ],
  ["gone", (path) => rmSync(path)],
  ["without its second file", (path) => rmSync(join(dirname(path), "notice"))],
  ["without its manifest", (path) => rmSync(join(dirname(path), "manifest.json"))],
  ["with a manifest of rubbish", (path) => writeFileSync(join(dirname(path), "manifest.json"), "{")],
  [
    "with another's manifest",
    (path) =>
      writeFileSync(
        join(dirname(path), "manifest.json"),
        JSON.stringify({
          files: [{ name: "model.gguf", bytes: CONTENT.length, sha256: "0".repeat(64), seen: "" }],
        }),
      ),
  ],
];

test.for(damages)("an entry that is %s is made again", async ([, damage]) => {
  const path = await get();
  damage(path);
  expect(await get()).toBe(path);
  expect(readFileSync(path, "utf8")).toBe(CONTENT);
  expect(made).toBe(2);
});

test("a whole file that only looks changed is kept", async () => {
  const path = await get();
  utimesSync(path, 1, 1);
  await get();
  await get();
  expect(made).toBe(1);
});

test("two that start at once both get the whole model", async () => {
  const paths = await Promise.all([get(), get(), get()]);
  expect(new Set(paths).size).toBe(1);
  expect(readFileSync(paths[0] ?? "", "utf8")).toBe(CONTENT);
  await get();
  expect(made).toBeLessThanOrEqual(3);
  expect(readdirSync(dirname(paths[0] ?? "")).toSorted()).toEqual(["manifest.json", "model.gguf", "notice"]);
});

test("a failure leaves no file, and the next try makes it", async () => {
  const failing = cachedModel({
    cacheDir,
    key: ["content", "f16"],
    async make(temporary) {
      await writeFile(join(temporary, "model.gguf"), "half");
      throw new OperatorError("source: is damaged");
    },
  });
  await expect(failing).rejects.toThrow("source: is damaged");
  const left = readdirSync(cacheDir, { recursive: true }).filter((name) => String(name).includes("."));
  expect(left).toEqual([]);
  await get();
  expect(made).toBe(1);
});

test("an abort ends with its reason and leaves no file", async () => {
  const stopped = new AbortController();
  const reason = new Error("enough");
  const aborted = cachedModel({
    cacheDir,
    key: ["content", "f16"],
    signal: stopped.signal,
    async make(temporary) {
      await writeFile(join(temporary, "model.gguf"), CONTENT);
      stopped.abort(reason);
      return [{ name: "model.gguf", bytes: CONTENT.length, sha256: SHA256 }];
    },
  });
  await expect(aborted).rejects.toBe(reason);
  expect(readdirSync(cacheDir, { recursive: true }).filter((name) => String(name).includes("."))).toEqual([]);
});

test("what a dead process left is removed, what a living one writes is not", async () => {
  const path = await get();
  const [old, fresh] = ["old.tmp", "fresh.tmp"].map((name) => join(dirname(path), name));
  mkdirSync(old ?? "");
  mkdirSync(fresh ?? "");
  utimesSync(old ?? "", 1, 1);
  rmSync(path);
  await get();
  expect([existsSync(old ?? ""), existsSync(fresh ?? "")]).toEqual([false, true]);
});

test("a cache folder that cannot be made is named", async () => {
  writeFileSync(join(cacheDir, "file"), "");
  cacheDir = join(cacheDir, "file");
  await expect(get()).rejects.toThrow(OperatorError);
  await expect(get()).rejects.toThrow(cacheDir);
});
