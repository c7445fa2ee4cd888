import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { LLAMA_CUDA_PACKAGE } from "../../../drivers/llama-cpp/cuda-package.ts";
import {
  type FindPackage,
  findLibraries,
  installedGpuBuilds,
  type LibraryPlaces,
  PACKAGE_VERSION,
} from "../../../drivers/llama-cpp/library.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { folderWith, inCache, loaderWith } from "../cuda-folders.ts";

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
/** npm's packages alone, on a machine with NVIDIA's driver and CUDA 13, or with none of these. */
const npm = (find: FindPackage, ...sonames: readonly string[]): LibraryPlaces => ({
  libraries: undefined,
  cacheDir: "/nowhere",
  find,
  system: loaderWith(...sonames),
});

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
  const found = findLibraries("auto", machine, npm(installed({ [name]: files })));
  expect(found.llama).toBe(join(found.folder, llama));
  expect(found.ggml).toBe(join(found.folder, ggml));
});

test("auto takes a GPU build that is installed, none leaves it alone", () => {
  const find = installed({ "linux-x64": cpu, "linux-x64-cuda": cuda });
  expect(findLibraries("auto", linux, npm(find)).llama).toMatch(/libllama\.cuda/);
  expect(findLibraries("none", linux, npm(find)).llama).toMatch(/libllama\.v/);
  expect(findLibraries("auto", linux, npm(installed({ "linux-x64": cpu }))).llama).toMatch(/libllama\.v/);
});

test("the package for older GPU drivers is used beside the GPU build, whatever CUDA there is", () => {
  const find = installed({ "linux-x64-cuda": cuda, "linux-x64-cuda-ext": [] });
  const bins = find("linux-x64-cuda-ext") ?? "";
  expect(findLibraries("cuda", linux, npm(find)).extension).toBe(join(bins, "linux-x64-cuda", "fallback"));
});

test("a build that is not installed: the command that installs it", () => {
  expect(() => findLibraries("cuda", linux, npm(installed({ "linux-x64": cpu })))).toThrow(
    /not installed\. Run: dolly install cuda --cache-dir \/nowhere$/,
  );
  expect(() =>
    findLibraries("cuda", { platform: "win32", arch: "x64" }, npm(installed({ "win-x64": [] }))),
  ).toThrow(
    `npm install --no-save @node-llama-cpp/win-x64-cuda@${PACKAGE_VERSION} @node-llama-cpp/win-x64-cuda-ext@${PACKAGE_VERSION}`,
  );
  expect(() => findLibraries("auto", { platform: "darwin", arch: "x64" }, npm(installed({})))).toThrow(
    `npm install --no-save @node-llama-cpp/mac-x64@${PACKAGE_VERSION}`,
  );
});

describe("CUDA", () => {
  const inNative = [
    ...inCache(
      `node-llama-cpp-linux-x64-cuda-${PACKAGE_VERSION}`,
      cuda.map((file) => `bins/linux-x64-cuda/${file}`),
    ),
    ...inCache("nvidia-cuda-runtime-13.0.96", ["libcudart.so.13"]),
    ...inCache("nvidia-cublas-13.1.0.3", ["libcublas.so.13", "libcublasLt.so.13"]),
  ];
  const names = (paths: readonly string[]) => paths.map((path) => path.split("/").at(-1));
  const opened = ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13"];

  test("what the command installed is found, with the libraries to open before", () => {
    const cacheDir = folderWith(...inNative);
    const places = { ...npm(installed({ "linux-x64": cpu }), "libcuda.so.1"), cacheDir };
    for (const gpu of ["auto", "cuda"] as const) {
      const found = findLibraries(gpu, linux, places);
      expect(found.folder.startsWith(cacheDir)).toBe(true);
      expect(names(found.preload)).toEqual(opened);
      expect(found.preload.every((path) => path.startsWith(cacheDir))).toBe(true);
    }
    expect(installedGpuBuilds(linux, places)).toEqual(["cuda"]);
    expect(findLibraries("none", linux, places)).toMatchObject({ preload: [] });
  });

  test("npm's package comes before the one in the cache, and the system's libraries after the cache's", () => {
    const find = installed({ "linux-x64-cuda": cuda });
    const places = {
      ...npm(find, "libcuda.so.1", ...opened),
      cacheDir: folderWith(...inNative.slice(0, -1)),
    };
    const found = findLibraries("cuda", linux, places);
    expect(found.folder).toBe(join(find("linux-x64-cuda") ?? "", "linux-x64-cuda"));
    expect(found.preload[0]?.startsWith(places.cacheDir)).toBe(true);
    expect(found.preload[1]).toBe("/usr/lib64/libcublasLt.so.13");
  });

  test("without the driver auto opens none of them, and cuda is refused by name", () => {
    const places = { ...npm(installed({ "linux-x64": cpu })), cacheDir: folderWith(...inNative) };
    expect(findLibraries("auto", linux, places).preload).toEqual([]);
    expect(() => findLibraries("cuda", linux, places)).toThrow(/^libcuda\.so\.1 is not found/);
  });

  test("a folder that a placement names comes first, and must be one", () => {
    const libraries = folderWith("nvidia/cu13/lib/libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13");
    const places = { ...npm(installed({}), "libcuda.so.1"), cacheDir: folderWith(...inNative), libraries };
    const { folder, preload } = findLibraries("auto", linux, places);
    expect(folder.startsWith(places.cacheDir)).toBe(true);
    expect(names(preload)).toEqual(opened);
    expect(preload.every((path) => path.startsWith(libraries))).toBe(true);
    expect(() => findLibraries("auto", linux, { ...places, libraries: join(libraries, "none") })).toThrow(
      /none is no folder; cuda_libraries names/,
    );
  });

  test("a library that lacks is named, with the command", () => {
    const cacheDir = folderWith(...inNative.filter((file) => !file.endsWith("libcublas.so.13")));
    const places = { ...npm(installed({}), "libcuda.so.1"), cacheDir };
    expect(() => findLibraries("cuda", linux, places)).toThrow(
      `libcublas.so.13 of nvidia-cublas is not found. Run: dolly install cuda --cache-dir ${cacheDir}`,
    );
    expect(names(findLibraries("auto", linux, places).preload)).toEqual(opened.slice(0, 2));
  });
});

test("a build or a machine that there is no package for: what there is", () => {
  expect(() => findLibraries("metal", linux, npm(installed({ "linux-x64": cpu })))).toThrow(
    "gpu: metal is not to be had on linux-x64; choose auto or one of: none, cuda, vulkan.",
  );
  expect(() => findLibraries("auto", { platform: "freebsd", arch: "x64" }, npm(installed({})))).toThrow(
    "freebsd-x64",
  );
});

test("a package with files missing names the file and the command", () => {
  const find = installed({ "linux-x64": cpu.filter((file) => !file.startsWith("libllama.")) });
  expect(() => findLibraries("none", linux, npm(find))).toThrow(/holds no file like .*llama.*npm install/);
});

test("the release is the one that package.json pins", () => {
  const pins = Object.entries(packageJson.optionalDependencies).filter(([name]) =>
    name.startsWith("@node-llama-cpp/"),
  );
  expect(pins.length).toBeGreaterThan(0);
  expect(LLAMA_CUDA_PACKAGE.version).toBe(PACKAGE_VERSION);
  for (const [name, version] of pins) expect(version, name).toBe(PACKAGE_VERSION);
});
