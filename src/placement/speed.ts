import type { MachineFacts } from "../core/machine.ts";
import type { ModelNeed } from "../core/need.ts";
import { gpuBandwidth } from "../machine/bandwidth.ts";
import { gpusOf } from "./room.ts";

/** Tokens a second of one answer, where the bandwidths are known. Each token reads the weights, and half of a full slot's keys and values; layers in several places are read one after the other. */
export function speedOf(need: ModelNeed, machine: MachineFacts, mainBandwidth: number | null): number | null {
  const seconds = (
    { readPerToken, kvPerSlot }: Pick<ModelNeed, "readPerToken" | "kvPerSlot">,
    bandwidth: number | null,
  ): number | null => {
    const read = readPerToken + kvPerSlot / 2;
    return read === 0 ? 0 : bandwidth === null ? null : read / bandwidth;
  };
  const { device, host } = need;
  const known = gpusOf(need, machine).map(({ name }) => gpuBandwidth(name));
  const gpu = known.some((one) => one === null) ? null : Math.min(...known.filter((one) => one !== null));
  const own = seconds(need, device === "gpu" ? gpu : mainBandwidth);
  const beside = host === undefined ? 0 : seconds(host, mainBandwidth);
  return own === null || beside === null ? null : 1 / (own + beside);
}
