import { arch } from "node:process";
import type { Driver } from "../core/driver.ts";
import { gigabytes } from "../core/gigabytes.ts";
import { type NativePackage, packagesFolder } from "../core/native-package.ts";
import { OperatorError } from "../errors.ts";
import { install } from "../native/install.ts";
import { packagesOf } from "../native/packages.ts";
import { registriesOf } from "../native/registries.ts";
import { namedCacheFolder } from "./cache-folder.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";
import { TransferRate } from "./transfer-rate.ts";

export interface InstallFlags {
  readonly cacheDir?: string;
}

/** Fetches the libraries that engines open to compute on GPUs. SIGINT and SIGTERM stop it; the next time it goes on from there. */
export async function installCommand(
  provider: string,
  { cacheDir }: InstallFlags,
  { terminal, drivers }: { terminal: Terminal; drivers: readonly Driver[] },
): Promise<void> {
  const { note, columns } = terminal;
  const packages = wantedPackages(provider, packagesOf(drivers), `${terminal.platform}-${arch}`);
  const folder = namedCacheFolder(cacheDir, terminal);
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) => {
    interrupted.abort(
      new OperatorError(`${signal}: stopped; what has come is kept, and the same command goes on from there`),
    );
  });
  const monotonic = () => performance.now();
  const display = showProgress(`installing ${provider}`, { note, columns, monotonic, after });
  let rate: TransferRate | undefined;
  try {
    const { wasThere, bytes } = await install(packages, {
      cacheDir: folder,
      registries: registriesOf(terminal),
      signal: interrupted.signal,
      onProgress(task, done, total) {
        // What is there already is checked first, and that takes time too.
        if (total > 0) rate ??= new TransferRate(monotonic());
        const detail = rate?.told(done, total, monotonic());
        const fraction = done / Math.max(1, total);
        display.update({ task, fraction, ...(detail === undefined ? {} : { detail }) });
      },
    });
    display.end();
    const doctor = cacheDir === undefined ? "dolly doctor" : `dolly doctor --cache-dir ${cacheDir}`;
    terminal.print(
      `${report(packages, { folder, wasThere, bytes })} What the machine lacks tells: ${doctor}\n`,
    );
  } finally {
    display.end();
    ignoreSignals();
  }
}

/** Throws OperatorError for what is not known, or not to be had on this machine. */
function wantedPackages(
  provider: string,
  packages: readonly NativePackage[],
  machine: string,
): NativePackage[] {
  const named = packages.filter((one) => one.provider === provider);
  if (named.length === 0) {
    const known = [...new Set(packages.map((one) => one.provider))].join(", ");
    throw new OperatorError(`${provider}: nothing of this name is installed so; there is ${known}`, {
      exitStatus: 2,
    });
  }
  const found = named.filter((one) => one.machine === machine);
  if (found.length > 0) return found;
  const machines = [...new Set(named.map((one) => one.machine))].join(", ");
  throw new OperatorError(`${provider}: is to be had for ${machines} only; this machine is ${machine}`);
}

function report(
  packages: readonly NativePackage[],
  { folder, wasThere, bytes }: { folder: string; wasThere: boolean; bytes: number },
): string {
  const lines = packages.map(({ name, version }) => `  ${name} ${version}\n`);
  const done = wasThere
    ? `all is there and whole: ${gigabytes(bytes, 2)}`
    : `${gigabytes(bytes, 2)} installed`;
  return `${packagesFolder(folder)}\n${lines.join("")}${done}. Each package's licence lies beside its libraries.`;
}
