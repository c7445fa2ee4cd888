import type { ConfigurationState } from "../reload/configuration.ts";
import type { Instruments } from "./instruments.ts";

/** What operators watch of the configuration. */
export type WatchedConfiguration = Pick<ConfigurationState, "reloads" | "refusal" | "limits">;

/** Writes down how the configuration and its limits stand now. */
export function observeConfiguration(
  { configReloads, configAccepted, limitsShared, limitFailures }: Instruments,
  { reloads, refusal, limits }: WatchedConfiguration,
): void {
  configReloads.reset();
  for (const [outcome, count] of Object.entries(reloads)) configReloads.inc({ outcome }, count);
  configAccepted.set(refusal === null ? 1 : 0);
  limitsShared.set(limits.reachable === true ? 1 : 0);
  limitFailures.reset();
  limitFailures.inc(limits.failures);
}
