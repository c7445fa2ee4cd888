import type { Driver } from "../core/driver.ts";
import type { NativePackage } from "../core/native-package.ts";

/** The packages of all drivers, each once: engines share some. */
export function packagesOf(drivers: readonly Pick<Driver, "nativePackages">[]): NativePackage[] {
  const found = new Map(
    drivers.flatMap(({ nativePackages }) => nativePackages).map((one) => [`${one.name} ${one.version}`, one]),
  );
  return [...found.values()];
}
