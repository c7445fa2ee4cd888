import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Release of onnxruntime-node; the same as in package.json. */
export const ORT_RELEASE = "1.30.0";

/** A build of ONNX Runtime. */
export interface OnnxLibrary {
  readonly path: string;
  readonly release: string;
  /** The command that installs it. */
  readonly install: string;
}

/** File of the library in the package's folder of a platform. */
const FILES: Readonly<Record<string, string>> = {
  "linux-x64": "linux/x64/libonnxruntime.so.1",
  "linux-arm64": "linux/arm64/libonnxruntime.so.1",
  "darwin-arm64": `darwin/arm64/libonnxruntime.${ORT_RELEASE}.dylib`,
  "win32-x64": "win32/x64/onnxruntime.dll",
  "win32-arm64": "win32/arm64/onnxruntime.dll",
};

const require = createRequire(import.meta.url);

/** Finds the package; undefined where it is not installed. */
export type FindPackage = () => string | undefined;

/** The library that onnxruntime-node ships for a machine. Throws Error with what to do where there is none. */
export function findLibrary(
  { platform, arch }: { platform: string; arch: string },
  find: FindPackage = findInstalled,
): OnnxLibrary {
  const install = `npm install --no-save onnxruntime-node@${ORT_RELEASE}`;
  const file = FILES[`${platform}-${arch}`];
  if (file === undefined) {
    throw new Error(
      `ONNX Runtime has no prebuilt library for ${platform}-${arch}; there are some for ${Object.keys(FILES).join(", ")}.`,
    );
  }
  const folder = find();
  if (folder === undefined) throw new Error(`ONNX Runtime is not installed. Run: ${install}`);
  return { path: join(folder, "bin", "napi-v6", ...file.split("/")), release: ORT_RELEASE, install };
}

function findInstalled(): string | undefined {
  try {
    return dirname(require.resolve("onnxruntime-node/package.json"));
  } catch {
    return undefined;
  }
}
