import type { EngineInfo, SlotInput } from "./engine.ts";

/** As many idle slots between two busy ones cost less than another pass over the weights. */
const LONGEST_BRIDGE = 2;

/**
 * Idle slots that should compute a token of no use, so that llama.cpp takes the busy ones around them in one pass: with
 * a cache for each sequence it takes only sequences whose numbers follow each other (llama-batch.cpp, `split_equal`).
 * With 280 million parameters on two cores, a step of the slots 0, 1, 3 and 4 takes 28 ms in two passes and 24 bridged;
 * more cores, or a GPU, gain more, because there one token more costs less and the pass over the weights counts.
 * `inputs` ascend by slot; `lengths`: tokens that each slot holds.
 */
export function bridges(
  inputs: readonly SlotInput[],
  info: EngineInfo,
  lengths: readonly number[],
): number[] {
  const idle: number[] = [];
  let room = info.batchTokens - inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
  for (const [index, { slot }] of inputs.entries()) {
    const next = inputs[index + 1]?.slot ?? slot + 1;
    const between = Array.from({ length: next - slot - 1 }, (_, at) => slot + 1 + at);
    const full = between.some((number) => (lengths[number] ?? 0) >= info.contextLength);
    if (between.length > Math.min(LONGEST_BRIDGE, room) || full) continue;
    idle.push(...between);
    room -= between.length;
  }
  return idle;
}
