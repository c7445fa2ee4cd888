import { bridges } from "../local/bridge.ts";
import { type EngineInfo, rowsOf, type SlotInput } from "../local/engine.ts";

/** One run of the graph: as many tokens of each of some slots that follow each other. */
export interface Pass {
  readonly first: number;
  readonly slots: number;
  /** Tokens of each slot. */
  readonly length: number;
  /** `[slots, length]`, row by row; an idle slot's token is 0. */
  readonly tokens: readonly number[];
  /** Position of each slot's last token. */
  readonly lastPositions: readonly number[];
  /** Tokens whose logits are wanted, by their place in `tokens`. */
  readonly rows: readonly number[];
  /** Where their logits stand in the step's output. */
  readonly outputs: readonly number[];
}

/**
 * The runs that compute a step. Sequences that feed one token each go together, where their slots are neighbours or
 * a few idle ones lie between, which compute a token of no use; ONNX Runtime's attention takes a longer piece of one
 * sequence only. `inputs` ascend by slot; `lengths`: tokens that each slot holds.
 */
export function passesOf(inputs: readonly SlotInput[], info: EngineInfo, lengths: readonly number[]): Pass[] {
  let outputs = 0;
  const placed = inputs.map((input) => {
    const place = { input, output: outputs };
    outputs += rowsOf(input);
    return place;
  });
  const single = placed.filter(({ input }) => input.tokens.length === 1);
  const idle = bridges(
    single.map(({ input }) => input),
    info,
    lengths,
  ).map((slot) => idleSlot(slot, lengths[slot] ?? 0));
  const together = [...single, ...idle].toSorted((a, b) => a.input.slot - b.input.slot);
  return [
    ...neighbours(together).map(passOf),
    ...placed.filter(({ input }) => input.tokens.length > 1).map((long) => passOf([long])),
  ];
}

interface Placed {
  readonly input: SlotInput;
  /** Of its first row, in the step's output. */
  readonly output: number;
}

const idleSlot = (slot: number, position: number): Placed => ({
  input: { slot, position, tokens: [0], logits: "none" },
  output: 0,
});

function neighbours(placed: readonly Placed[]): Placed[][] {
  const groups: Placed[][] = [];
  for (const one of placed) {
    const group = groups.at(-1);
    if (group?.at(-1)?.input.slot === one.input.slot - 1) group.push(one);
    else groups.push([one]);
  }
  return groups;
}

function passOf(group: readonly Placed[]): Pass {
  const length = group[0]?.input.tokens.length ?? 0;
  const wanted = group.flatMap(({ input, output }, index) =>
    Array.from({ length: rowsOf(input) }, (_, row) => ({
      row: index * length + length - rowsOf(input) + row,
      output: output + row,
    })),
  );
  return {
    first: group[0]?.input.slot ?? 0,
    slots: group.length,
    length,
    tokens: group.flatMap(({ input }) => input.tokens),
    lastPositions: group.map(({ input }) => input.position + length - 1),
    rows: wanted.map(({ row }) => row),
    outputs: wanted.map(({ output }) => output),
  };
}
