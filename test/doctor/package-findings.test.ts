import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { type NativePackage, PACKAGE_MANIFEST, packageFolder } from "../../src/core/native-package.ts";
import { packageFindings } from "../../src/doctor/package-findings.ts";
import { packagesOf } from "../../src/native/packages.ts";
import { a10 } from "../machine/facts-stand-in.ts";

let cacheDir: string;
beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), "dolly-packages-"));
});
afterEach(() => {
  rmSync(cacheDir, { recursive: true, force: true });
});

const packages = packagesOf(drivers);
const linux = { platform: "linux", arch: "x64", gpus: [] };

/** What an installer leaves, with one small library. */
function put(one: NativePackage): void {
  const folder = packageFolder(cacheDir, one);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "lib.so"), "library");
  const files = [{ name: "lib.so", bytes: 7, sha256: "0".repeat(64) }];
  writeFileSync(join(folder, PACKAGE_MANIFEST), JSON.stringify({ archive: one.sha256, files }));
}

const found = (machine: Parameters<typeof packageFindings>[1] = linux) =>
  packageFindings(packages, machine, cacheDir);

test("both engines' packages are counted, those that they share once", () => {
  const names = packages.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining(["onnxruntime-gpu", "@node-llama-cpp/linux-x64-cuda", "nvidia-cublas"]),
  );
});

test("nothing is installed: a note, and where there is an NVIDIA GPU a warning with the command", async () => {
  expect(await found()).toEqual([expect.objectContaining({ what: "CUDA libraries", state: "note" })]);
  expect(await found({ ...linux, gpus: [a10] })).toEqual([
    {
      what: "CUDA libraries",
      state: "warning",
      detail: expect.stringContaining("none installed"),
      mend: expect.stringMatching(/^dolly install cuda --cache-dir \S+ \(fetches 1\.5 GB\)$/),
    },
  ]);
});

test("all of it, and what is partly there or damaged", async () => {
  for (const one of packages) put(one);
  expect(await found()).toEqual([
    {
      what: "CUDA libraries",
      state: "ok",
      detail: `${packages.length} packages in ${join(cacheDir, "native")}`,
    },
  ]);
  const [first, second] = packages;
  if (first === undefined || second === undefined) throw new Error("there are several");
  rmSync(packageFolder(cacheDir, first), { recursive: true });
  truncateSync(join(packageFolder(cacheDir, second), "lib.so"), 3);
  const [finding] = await found();
  expect(finding).toMatchObject({ state: "warning", mend: expect.stringContaining("dolly install cuda") });
  expect(finding?.detail).toContain(`partly installed: ${first.name}, ${second.name} missing or damaged`);
});

test("the same version of another archive is not taken for it", async () => {
  for (const one of packages) put(one);
  const [first] = packages;
  if (first === undefined) throw new Error("there are several");
  put({ ...first, sha256: "f".repeat(64) });
  expect((await found())[0]?.detail).toContain(`partly installed: ${first.name} missing`);
});

test("a machine that they are not for is told nothing of them", async () => {
  expect(await found({ ...linux, platform: "darwin", arch: "arm64" })).toEqual([]);
});
