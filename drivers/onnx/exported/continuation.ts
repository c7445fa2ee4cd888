import type { Engine } from "../../local/engine.ts";

/** A prompt's beginning and a piece that follows it, of few tokens, which every vocabulary has. */
const BEGINNING = [1, 2];
const PIECE = [3, 4, 5];
/** Share of the logits' own spread by which rounding may move them, quantised activations included. */
const MOST_MOVED = 0.25;

/**
 * Whether a graph computes several tokens rightly that follow earlier ones. Decoders that were exported for one token at
 * a time may have its mask in them for good, though their inputs say nothing of it; such a graph has to be fed one by one.
 */
export async function goesOnInPieces(engine: Engine): Promise<boolean> {
  const whole = [...BEGINNING, ...PIECE];
  if (engine.info.contextLength < whole.length || engine.info.vocabularySize <= Math.max(...whole))
    return false;
  const last = async (position: number, tokens: readonly number[]) =>
    (await engine.step([{ slot: 0, position, tokens, logits: "last" }])).row(0).slice();
  try {
    const atOnce = await last(0, whole);
    await last(0, BEGINNING);
    const inPieces = await last(BEGINNING.length, PIECE);
    return distance(atOnce, inPieces) <= MOST_MOVED * spread(atOnce);
  } finally {
    engine.truncate(0, 0);
  }
}

const root = (squares: number, count: number): number => Math.sqrt(squares / count);

/** Root of the mean squared difference. */
const distance = (a: Float32Array, b: Float32Array): number =>
  root(
    a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0),
    a.length,
  );

/** Standard deviation. */
function spread(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return root(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0),
    values.length,
  );
}
