import type { EngineInfo, SlotInput } from "./engine.ts";

/**
 * Throws RangeError for a batch that an engine would refuse as a whole, or end the process for.
 * `lengths`: tokens that each slot holds.
 */
export function checkInputs(
  inputs: readonly SlotInput[],
  info: EngineInfo,
  lengths: readonly number[],
): void {
  const seen = new Set<number>();
  let total = 0;
  for (const { slot, position, tokens } of inputs) {
    checkSlot(slot, info);
    if (seen.has(slot)) throw new RangeError(`Slot ${slot} is in the step twice.`);
    seen.add(slot);
    const held = lengths[slot] ?? 0;
    if (!Number.isInteger(position) || position < 0 || position > held) {
      throw new RangeError(`Slot ${slot} holds ${held} tokens and cannot go on at position ${position}.`);
    }
    if (tokens.length === 0) throw new RangeError(`Slot ${slot} has no tokens in the step.`);
    if (position + tokens.length > info.contextLength) {
      throw new RangeError(
        `Slot ${slot} would hold ${position + tokens.length} tokens; its context is ${info.contextLength}.`,
      );
    }
    const wrong = tokens.find(
      (token) => !Number.isInteger(token) || token < 0 || token >= info.vocabularySize,
    );
    if (wrong !== undefined) {
      throw new RangeError(`Token id ${wrong} is outside the vocabulary of ${info.vocabularySize}.`);
    }
    total += tokens.length;
  }
  if (total === 0) throw new RangeError("The step has no tokens.");
  if (total > info.batchTokens) {
    throw new RangeError(`The step has ${total} tokens; the most is ${info.batchTokens}.`);
  }
}

export function checkSlot(slot: number, info: EngineInfo): void {
  if (!Number.isInteger(slot) || slot < 0 || slot >= info.slots) {
    throw new RangeError(`There is no slot ${slot}; there are ${info.slots}, counted from 0.`);
  }
}

/** Throws RangeError where `from` does not hold `length` tokens that `to`, another slot, could take. */
export function checkCopy(
  from: number,
  to: number,
  length: number,
  info: EngineInfo,
  lengths: readonly number[],
): void {
  checkLength(from, length, info, lengths);
  checkSlot(to, info);
  if (from === to) throw new RangeError(`Slot ${from} cannot be copied to itself.`);
}

/** Throws RangeError where a slot does not hold `length` tokens. */
export function checkLength(
  slot: number,
  length: number,
  info: EngineInfo,
  lengths: readonly number[],
): void {
  checkSlot(slot, info);
  const held = lengths[slot] ?? 0;
  if (!Number.isInteger(length) || length < 0 || length > held) {
    throw new RangeError(`Slot ${slot} holds ${held} tokens; the first ${length} cannot be kept or copied.`);
  }
}
