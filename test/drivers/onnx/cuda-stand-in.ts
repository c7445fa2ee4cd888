import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNTIME = fileURLToPath(new URL("./cuda-runtime-stand-in.c", import.meta.url));

const compiler = process.env["CC"] ?? "cc";
export const compilerAtHand = process.platform === "linux" && spawnSync(compiler, ["--version"]).status === 0;

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

/** Builds CUDA's runtime over main memory to a file; `definitions` such as `STAND_IN_GPUS=2`. */
export function buildRuntime(path: string, ...definitions: string[]): string {
  const flags = definitions.map((definition) => `-D${definition}`);
  run(compiler, ["-w", "-shared", "-fPIC", ...flags, "-o", path, RUNTIME]);
  return path;
}

/** Versions of the symbols by the library that has them; CUDA's own have the library's name. */
const NEEDED = [
  "libcuda.so.1",
  "libcudart.so.13",
  "libcublasLt.so.13",
  "libcublas.so.13",
  "libcurand.so.10",
] as const;

/**
 * Builds what ONNX Runtime's CUDA provider needs of CUDA to a folder: the runtime over main memory, and functions that do
 * nothing and say that all is well. Gives their paths in the order in which they are to be opened.
 */
export function buildCuda(folder: string, provider: string): { preload: string[]; cudart: string } {
  const symbols = run("nm", ["-D", "--undefined-only", provider])
    .split("\n")
    .map((line) => line.trim().split(/\s+/).at(-1) ?? "")
    .map((symbol) => /^(\w+)(?:@+(.*))?$/.exec(symbol))
    .filter((match) => match !== null)
    .map(([, name = "", version = name.startsWith("cu") ? "libcuda.so.1" : ""]) => ({ name, version }));
  const written = new Set(
    [...readFileSync(RUNTIME, "utf8").matchAll(/\b(_*cuda\w+)\(/g)].map(([, name]) => name),
  );
  const preload = NEEDED.map((soname) => {
    const runtime = soname === "libcudart.so.13";
    const names = symbols.filter(
      ({ name, version }) => version === soname && !(runtime && written.has(name)),
    );
    const base = join(folder, soname);
    writeFileSync(`${base}.c`, names.map(({ name }) => `long ${name}(void) { return 0; }\n`).join(""));
    writeFileSync(`${base}.map`, `${soname} { *; };\n`);
    const sources = [
      `${base}.c`,
      ...(runtime ? [RUNTIME, "-DSTAND_IN_BYTES=(8ull<<30)", "-DSTAND_IN_GPUS=2"] : []),
    ];
    const link = [`-Wl,-soname,${soname}`, `-Wl,--version-script=${base}.map`];
    run(compiler, ["-w", "-shared", "-fPIC", "-o", base, ...sources, ...link]);
    return base;
  });
  return { preload, cudart: join(folder, "libcudart.so.13") };
}
