import type { Finding } from "../core/finding.ts";
import { gigabytes } from "../core/gigabytes.ts";
import type { MachineFacts } from "../core/machine.ts";
import { type NativePackage, packagesFolder } from "../core/native-package.ts";
import { isInstalled } from "../native/installed.ts";

/** Whether the packages that `dolly install` brings are in the cache, of each provider that such a machine can have. */
export async function packageFindings(
  packages: readonly NativePackage[],
  { platform, arch, gpus }: Pick<MachineFacts, "platform" | "arch" | "gpus">,
  cacheDir: string,
): Promise<Finding[]> {
  const possible = packages.filter(({ machine }) => machine === `${platform}-${arch}`);
  const wanted = gpus.some(({ vendor }) => vendor === "nvidia");
  const findings: Finding[] = [];
  for (const provider of new Set(possible.map((one) => one.provider))) {
    const all = possible.filter((one) => one.provider === provider);
    const missing = [];
    for (const one of all) if (!(await isInstalled(cacheDir, one))) missing.push(one);
    findings.push(packageFinding({ provider, all, missing, wanted, cacheDir }));
  }
  return findings;
}

interface Counted {
  readonly provider: string;
  readonly all: readonly NativePackage[];
  readonly missing: readonly NativePackage[];
  /** There is a GPU that would be computed with. */
  readonly wanted: boolean;
  readonly cacheDir: string;
}

function packageFinding({ provider, all, missing, wanted, cacheDir }: Counted): Finding {
  const what = `${provider.toUpperCase()} libraries`;
  const folder = packagesFolder(cacheDir);
  if (missing.length === 0) return { what, state: "ok", detail: `${all.length} packages in ${folder}` };
  const toFetch = gigabytes(missing.reduce((sum, { bytes }) => sum + bytes, 0));
  const mend = `dolly install ${provider} --cache-dir ${cacheDir} (fetches ${toFetch})`;
  if (missing.length < all.length) {
    const names = missing.map(({ name }) => name).join(", ");
    const detail = `partly installed: ${names} missing or damaged in ${folder}`;
    return { what, state: "warning", detail, mend };
  }
  return wanted
    ? { what, state: "warning", detail: `none installed in ${folder}`, mend }
    : { what, state: "note", detail: "none installed, and no NVIDIA GPU is seen that would want them" };
}
