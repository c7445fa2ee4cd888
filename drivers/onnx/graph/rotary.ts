/** GroupQueryAttention takes tables whose width is a multiple of this (onnxruntime, group_query_attention_helper.h). */
const TABLE_STEP = 8;

export interface RotaryShape {
  readonly headSize: number;
  /** Leading dimensions of a head that rotate; even. */
  readonly rotaryDimensions: number;
}

/** Columns of the tables: a pair of dimensions each, rounded up; what is added rotates by nothing. */
export function tableColumns({ headSize, rotaryDimensions }: RotaryShape): number {
  const columns = Math.ceil(rotaryDimensions / 2 / TABLE_STEP) * TABLE_STEP;
  if (2 * columns > headSize) {
    throw new RangeError(
      `${rotaryDimensions} rotary dimensions of heads of ${headSize}: ONNX Runtime's attention rotates multiples of ${2 * TABLE_STEP} dimensions`,
    );
  }
  return columns;
}

/**
 * Cosines and sines `[positions, columns]`: of position times theta^(-2i/rotaryDimensions), computed in float32 as
 * transformers does (modeling_gpt_neox.py, modeling_gptj.py); 1 and 0 in the columns that were added.
 */
export function rotaryTables(
  shape: RotaryShape,
  theta: number,
  positions: number,
): { columns: number; cos: Float32Array<ArrayBuffer>; sin: Float32Array<ArrayBuffer> } {
  const columns = tableColumns(shape);
  const pairs = shape.rotaryDimensions / 2;
  const cos = new Float32Array(positions * columns).fill(1);
  const sin = new Float32Array(positions * columns);
  for (let pair = 0; pair < pairs; pair += 1) {
    const frequency = Math.fround(1 / theta ** ((2 * pair) / shape.rotaryDimensions));
    for (let position = 0; position < positions; position += 1) {
      const angle = Math.fround(position * frequency);
      cos[position * columns + pair] = Math.cos(angle);
      sin[position * columns + pair] = Math.sin(angle);
    }
  }
  return { columns, cos, sin };
}

/**
 * Where each dimension of a query's or key's head is taken from, so that the halves that rotate together lie `columns`
 * apart, as the widened tables want them. Scores stay the same, since queries and keys are permuted alike.
 */
export function rotaryOrder(shape: RotaryShape): number[] {
  const { headSize, rotaryDimensions } = shape;
  const columns = tableColumns(shape);
  const pairs = rotaryDimensions / 2;
  const added = columns - pairs;
  const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
  return [
    ...range(0, pairs),
    ...range(rotaryDimensions, added),
    ...range(pairs, pairs),
    ...range(rotaryDimensions + added, added),
    ...range(2 * columns, headSize - 2 * columns),
  ];
}
