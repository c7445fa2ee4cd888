/** A sequence that holds a slot, as far as planning a step needs to know it. */
export interface RunningSequence {
  readonly slot: number;
  /** Tokens that the engine has not seen yet, at least one: the rest of the prompt, or the token just drawn. */
  readonly pending: number;
  /** Whether its prompt is done, so that it waits for one token a step. */
  readonly decoding: boolean;
  /** Whether each of its pending tokens is scored, which needs a row of logits for each. */
  readonly scored: boolean;
}

export interface StepLimits {
  /** Most tokens of one step. */
  readonly tokens: number;
  /** Most prompt tokens of one step while other sequences are decoding, so that their streams keep flowing. */
  readonly promptTokens: number;
  /** Most scored tokens of one step: their rows of logits are all held at once. */
  readonly scoredTokens: number;
}

export interface SlotShare {
  readonly slot: number;
  /** How many of its pending tokens it feeds. */
  readonly count: number;
}

/**
 * Who feeds how much in the next step. Every decoding sequence feeds its token; what is left of the step goes to the
 * prompts, in the order given (by arrival). The shares come in the order of their slots: llama.cpp computes sequences in
 * one pass only where their numbers ascend (llama-batch.cpp, `split_equal`).
 */
export function planStep(running: readonly RunningSequence[], limits: StepLimits): SlotShare[] {
  const shares: SlotShare[] = [];
  let room = limits.tokens;
  for (const { slot, decoding } of running) {
    if (decoding && room > 0) {
      shares.push({ slot, count: 1 });
      room -= 1;
    }
  }
  if (shares.length > 0) room = Math.min(room, limits.promptTokens);
  let rows = limits.scoredTokens;
  for (const { slot, decoding, pending, scored } of running) {
    const count = Math.min(pending, room, scored ? rows : pending);
    if (decoding || count === 0) continue;
    shares.push({ slot, count });
    room -= count;
    if (scored) rows -= count;
  }
  return shares.sort((a, b) => a.slot - b.slot);
}
