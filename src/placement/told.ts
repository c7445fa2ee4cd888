import type { Log } from "../core/log.ts";
import type { PlanRow } from "./plan.ts";

/** Tells the log what becomes of each placement of a model, with the figures that decided; bytes. */
export function tellPlan(log: Log, model: string, rows: readonly PlanRow[]): void {
  for (const {
    id,
    driver,
    verdict,
    rule,
    device,
    precision,
    contextLength,
    memory,
    tokensPerSecond,
  } of rows) {
    const fields = {
      model,
      placement: id,
      driver,
      verdict,
      rule,
      device,
      precision,
      context_length: contextLength,
      ...(memory === null ? {} : bytesOf(memory)),
      ...(tokensPerSecond === null ? {} : { tokens_per_second_at_most: Math.round(tokensPerSecond) }),
    };
    if (verdict === "too large" || verdict === "impossible") log.warn(fields, "placement");
    else log.info(fields, "placement");
  }
}

function bytesOf({ weights, kvPerSlot, slots, total, available, host }: NonNullable<PlanRow["memory"]>) {
  const whole = Math.round;
  const beside =
    host === null
      ? {}
      : { main_memory_bytes: whole(host.total), free_main_memory_bytes: whole(host.available) };
  return {
    weights_bytes: whole(weights),
    kv_bytes_per_slot: whole(kvPerSlot),
    slots,
    total_bytes: whole(total),
    free_bytes: whole(available),
    ...beside,
  };
}
