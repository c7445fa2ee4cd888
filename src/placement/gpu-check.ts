import type { BoundDriver } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import { MAKE_IT_FIT, type ModelNeed } from "../core/need.ts";
import { OperatorError } from "../errors.ts";
import { roomOf, shortage } from "./room.ts";

export interface GpuCheck {
  /** The machine as it is now. */
  machineNow(): Promise<MachineFacts>;
  /** What the placement needs there; anything but an object is not checked. */
  need(machine: MachineFacts): Promise<ModelNeed | string | null | undefined>;
}

/**
 * A placement that does not begin to load what its GPUs have no room for: with both figures, before weights are read. Main memory is
 * looked at by the engine itself.
 */
export function withGpuCheck(bound: BoundDriver, { machineNow, need }: GpuCheck): BoundDriver {
  return {
    ...bound,
    async load(context, signal) {
      const machine = await machineNow();
      const needed = machine.gpus.length === 0 ? undefined : await need(machine);
      if (typeof needed === "object" && needed?.device === "gpu") {
        const short = shortage({ ...roomOf(needed, machine), host: null });
        if (short !== undefined) {
          throw new OperatorError(`the model ${short}; ${MAKE_IT_FIT}`);
        }
      }
      signal.throwIfAborted();
      return bound.load(context, signal);
    },
  };
}
