import type { Engine } from "./engine.ts";

/** Reads all weights once and has the engine reserve what it computes in, so that the first request need not wait for it. */
export async function warmUp(engine: Engine): Promise<void> {
  await engine.step([{ slot: 0, position: 0, tokens: [0, 0], logits: "last" }]);
  engine.truncate(0, 0);
}
