import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findLibraries, PACKAGE_VERSION } from "../../../drivers/llama-cpp/library.ts";
import packageJson from "../../../package.json" with { type: "json" };

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Installed platform packages, each with the file names of the real one. */
function installed(
  packages: Readonly<Record<string, readonly string[]>>,
): (name: string) => string | undefined {
  const root = mkdtempSync(join(tmpdir(), "platform-packages-"));
  folders.push(root);
  for (const [name, files] of Object.entries(packages)) {
    const folder = join(root, name, "bins", name);
    mkdirSync(folder, { recursive: true });
    for (const file of files) writeFileSync(join(folder, file), "");
  }
  return (name) => (name in packages ? join(root, name, "bins") : undefined);
}

const cpu = [
  "libggml-base.so",
  "libggml.v0.4.0.so",
  "libllama-common.so",
  "libllama.v0.4.0.so",
  "libggml-cpu-x64.so",
];
const cuda = ["libggml-base.so", "libggml.cuda.v0.4.0.so", "libllama.cuda.v0.4.0.so", "libggml-cuda.so"];
const linux = { platform: "linux", arch: "x64" };

test.each([
  [linux, "linux-x64", cpu, "libllama.v0.4.0.so", "libggml.v0.4.0.so"],
  [
    { platform: "darwin", arch: "arm64" },
    "mac-arm64-metal",
    [
      "libggml-base.dylib",
      "libggml.metal.v0.4.0.dylib",
      "libllama-common.dylib",
      "libllama.metal.v0.4.0.dylib",
    ],
    "libllama.metal.v0.4.0.dylib",
    "libggml.metal.v0.4.0.dylib",
  ],
  [
    { platform: "win32", arch: "x64" },
    "win-x64",
    ["ggml-base.dll", "ggml.v0.4.0.dll", "llama-common.dll", "llama.v0.4.0.dll", "ggml-cpu-x64.dll"],
    "llama.v0.4.0.dll",
    "ggml.v0.4.0.dll",
  ],
] as const)("finds the libraries of %j", (machine, name, files, llama, ggml) => {
  const found = findLibraries("auto", machine, installed({ [name]: files }));
  expect(found.llama).toBe(join(found.folder, llama));
  expect(found.ggml).toBe(join(found.folder, ggml));
});

test("auto takes a GPU build that is installed, none leaves it alone", () => {
  const find = installed({ "linux-x64": cpu, "linux-x64-cuda": cuda });
  expect(findLibraries("auto", linux, find).llama).toMatch(/libllama\.cuda/);
  expect(findLibraries("none", linux, find).llama).toMatch(/libllama\.v/);
  expect(findLibraries("auto", linux, installed({ "linux-x64": cpu })).llama).toMatch(/libllama\.v/);
});

test("the package for older GPU drivers is used beside the GPU build", () => {
  const find = installed({ "linux-x64-cuda": cuda, "linux-x64-cuda-ext": [] });
  const bins = find("linux-x64-cuda-ext") ?? "";
  expect(findLibraries("cuda", linux, find).extension).toBe(join(bins, "linux-x64-cuda", "fallback"));
});

test("a build that is not installed: the command that installs it", () => {
  expect(() => findLibraries("cuda", linux, installed({ "linux-x64": cpu }))).toThrow(
    `npm install --no-save @node-llama-cpp/linux-x64-cuda@${PACKAGE_VERSION} @node-llama-cpp/linux-x64-cuda-ext@${PACKAGE_VERSION}`,
  );
  expect(() => findLibraries("auto", { platform: "darwin", arch: "x64" }, installed({}))).toThrow(
    `npm install --no-save @node-llama-cpp/mac-x64@${PACKAGE_VERSION}`,
  );
});

test("a build or a machine that there is no package for: what there is", () => {
  expect(() => findLibraries("metal", linux, installed({ "linux-x64": cpu }))).toThrow(
    "gpu: metal is not to be had on linux-x64; choose auto or one of: none, cuda, vulkan.",
  );
  expect(() => findLibraries("auto", { platform: "freebsd", arch: "x64" }, installed({}))).toThrow(
    "freebsd-x64",
  );
});

test("a package with files missing names the file and the command", () => {
  const find = installed({ "linux-x64": cpu.filter((file) => !file.startsWith("libllama.")) });
  expect(() => findLibraries("none", linux, find)).toThrow(/holds no file like .*llama.*npm install/);
});

test("the release is the one that package.json pins", () => {
  const pins = Object.entries(packageJson.optionalDependencies).filter(([name]) =>
    name.startsWith("@node-llama-cpp/"),
  );
  expect(pins.length).toBeGreaterThan(0);
  for (const [name, version] of pins) expect(version, name).toBe(PACKAGE_VERSION);
});
