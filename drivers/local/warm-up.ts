import type { Engine } from "./engine.ts";

/** Reads all weights once and has the engine reserve what it computes `tokens` tokens in, so that the first request need not wait for it. */
export async function warmUp(engine: Engine, tokens = 2): Promise<void> {
  await engine.step([
    { slot: 0, position: 0, tokens: Array.from({ length: tokens }, () => 0), logits: "last" },
  ]);
  engine.truncate(0, 0);
}
