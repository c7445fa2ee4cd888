import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { arch } from "node:process";
import { z } from "zod";
import { run } from "../../src/cli/program.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { type Driver, defineDriver } from "../../src/core/driver.ts";
import type { NativePackage } from "../../src/core/native-package.ts";
import { terminalIn } from "../cli/terminal-stand-in.ts";
import { type Members, sha256, tarball, wheel } from "./archives.ts";
import { type FakeRegistries, type Published, startFakeRegistries } from "./fake-registries.ts";

/** A library large enough for its transfer to be cut. */
export const large = randomBytes(6_000_000);

interface Made {
  readonly published: Published;
  readonly pinned: NativePackage;
}

function made(part: Omit<Published, "version">, kept: Members, keep: readonly RegExp[]): Made {
  const published = { ...part, version: "1.0" };
  const { archive, ...named } = published;
  const keptBytes = Object.values(kept).reduce((sum, one) => sum + Buffer.from(one).length, 0);
  const pinned = {
    ...named,
    provider: "cuda",
    machine: `linux-${arch}`,
    bytes: archive.length,
    sha256: sha256(archive),
    keptBytes,
    keep,
  };
  return { published, pinned };
}

/** Three packages: two wheels, of which two drivers share one, and one of npm. */
async function makePackages(): Promise<readonly [Made, Made, Made]> {
  const shared = {
    "nvidia/cu13/lib/libfast.so.13": large,
    "fast-1.0.dist-info/licenses/License.txt": "terms",
  };
  const engine = { "engine/capi/libengine.so.1": "engine", "engine/LICENSE": "MIT" };
  const npm = { "package/bins/linux/libllama.so": "llama", "package/LICENSE": "MIT" };
  const rest = { "engine/capi/engine.cpython-311.so": "Python's own", "engine/__init__.py": "" };
  return [
    made(
      {
        registry: "pypi",
        name: "fast",
        file: "fast-1.0-py3-none-manylinux_x86_64.whl",
        archive: wheel({ ...shared, "nvidia/cu13/include/fast.h": "header" }),
      },
      shared,
      [/^nvidia\/cu13\/lib\/(libfast\.so\.13)$/, /\.dist-info\/licenses\/(License\.txt)$/],
    ),
    made(
      {
        registry: "pypi",
        name: "engine-gpu",
        file: "engine_gpu-1.0-cp311.whl",
        archive: wheel({ ...engine, ...rest }),
      },
      engine,
      [/^engine\/capi\/(libengine\.so\.1)$/, /^engine\/(LICENSE)$/],
    ),
    made(
      {
        registry: "npm",
        name: "@node-llama-cpp/linux-cuda",
        file: "linux-cuda-1.0.tgz",
        archive: await tarball({
          ...npm,
          "package/package.json": "{}",
          "package/bins/linux/addon.node": "addon",
        }),
      },
      npm,
      [/^package\/(bins\/linux\/lib[\w.-]+\.so)$/, /^package\/(LICENSE)$/],
    ),
  ];
}

function driverOf(name: string, nativePackages: readonly NativePackage[]): Driver {
  const unused = () => Promise.reject(new Error("these tests load nothing"));
  return defineDriver({
    name,
    about: "",
    options: z.strictObject({}),
    paths: [],
    nativePackages,
    inspect: unused,
    load: unused,
  });
}

export interface Outcome {
  readonly status: number;
  readonly printed: string;
  readonly noted: string;
}

export interface Site {
  readonly registries: FakeRegistries;
  readonly packages: readonly NativePackage[];
  readonly home: string;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Below the folder of packages. */
  path(...names: readonly string[]): string;
  /** Runs the command line with two drivers that share a package. */
  dolly(argv: readonly string[], terminal?: Partial<Terminal>): Promise<Outcome>;
  close(): Promise<void>;
}

/** Registries with three small packages, a home and a cache. `change`: what is pinned otherwise than it is. */
export async function makeSite(change: (one: NativePackage) => NativePackage = (one) => one): Promise<Site> {
  const packages = await makePackages();
  const registries = await startFakeRegistries(packages.map(({ published }) => published));
  const home = mkdtempSync(join(tmpdir(), "dolly-install-"));
  const [shared, engine, npm] = packages.map(({ pinned }) => change(pinned));
  if (shared === undefined || engine === undefined || npm === undefined) throw new Error("there are three");
  const drivers = [driverOf("one", [npm, shared]), driverOf("other", [engine, shared])];
  const cacheDir = join(home, "cache");
  const env = {
    PIP_INDEX_URL: registries.pypi,
    npm_config_registry: registries.npm,
    DOLLY_CACHE: cacheDir,
  };
  return {
    registries,
    packages: [npm, shared, engine],
    home,
    cacheDir,
    env,
    path: (...names) => join(cacheDir, "native", ...names),
    async dolly(argv, changed = {}) {
      const terminal = terminalIn(home);
      const { printed: _printed, noted: _noted, ...rest } = terminal;
      const parts = { terminal: { ...rest, env, ...changed }, drivers, templates: [] };
      const status = await run(argv, parts);
      return { status, printed: terminal.printed, noted: terminal.noted };
    },
    async close() {
      await registries.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
