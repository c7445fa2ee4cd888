import type { CheckpointConfig } from "../../local/checkpoint/config.ts";
import { fault } from "../../local/checkpoint/files.ts";
import { ELEMENT_TYPES } from "../graph/proto.ts";
import type { GraphValue, Outline } from "../reader/outline.ts";

/** Numbers that a graph keeps its caches or gives its logits in. */
export type FloatType = "f32" | "f16";

/** Inputs beside `input_ids` that Optimum's exports may have. */
const OPTIONAL = ["attention_mask", "position_ids", "use_cache_branch"] as const;
export type OptionalInput = (typeof OPTIONAL)[number];

/** What an exported decoder takes and gives. */
export interface Signature {
  readonly has: Readonly<Record<OptionalInput, boolean>>;
  /** Takes keys and values of earlier tokens; else it computes the beginning of a prompt only. */
  readonly past: boolean;
  /** Of keys and values. */
  readonly cacheType: FloatType;
  readonly logitsType: FloatType;
  /** Most tokens of a run; null: as many as there are. */
  readonly mostTokens: number | null;
}

const pastName = (layer: number, part: string) => `past_key_values.${layer}.${part}`;
const presentName = (layer: number, part: string) => `present.${layer}.${part}`;

/** Names of the caches of a model's layers, as Hugging Face Optimum writes them. */
export const cacheNames = (layers: number): { past: string; present: string }[] =>
  Array.from({ length: layers }, (_, layer) =>
    ["key", "value"].map((part) => ({ past: pastName(layer, part), present: presentName(layer, part) })),
  ).flat();

/**
 * Checks that a graph is a decoder of this configuration, in the form that Hugging Face Optimum exports. Throws
 * OperatorError that names the file, and the input or output that is not as it should be.
 */
export function readSignature(
  path: string,
  outline: Outline,
  { layers, heads, headSize, vocabularySize }: CheckpointConfig,
): Signature {
  const inputs = byName(outline.inputs);
  const outputs = byName(outline.outputs);
  const caches = cacheNames(layers);
  const ids = take(path, "input", inputs, "input_ids", [1, null]);
  integers(path, ids);
  const has = {
    attention_mask: inputs.has("attention_mask"),
    position_ids: inputs.has("position_ids"),
    use_cache_branch: inputs.has("use_cache_branch"),
  };
  for (const name of ["attention_mask", "position_ids"] as const) {
    if (has[name]) integers(path, take(path, "input", inputs, name, [1, null]));
  }
  if (!outputs.has("present.0.key")) {
    throw fault(
      path,
      "gives no keys and values (present.0.key): export it again with --task text-generation-with-past",
    );
  }
  const past = inputs.has("past_key_values.0.key");
  const types = new Set<FloatType>();
  for (const name of caches) {
    if (past) types.add(floats(path, take(path, "input", inputs, name.past, [1, heads, null, headSize])));
    types.add(floats(path, take(path, "output", outputs, name.present, [1, heads, null, headSize])));
  }
  const [cacheType, another] = types;
  if (cacheType === undefined || another !== undefined) {
    throw fault(path, "keeps some keys and values in float32 and some in float16");
  }
  const logits = take(path, "output", outputs, "logits", [1, null, vocabularySize]);
  const known = new Set(["input_ids", ...OPTIONAL, ...caches.map(({ past }) => past)]);
  const unknown = outline.inputs.find(({ name }) => !known.has(name));
  if (unknown)
    throw fault(path, `wants an input ${JSON.stringify(unknown.name)}, which Optimum's decoders have not`);
  return { has, past, cacheType, logitsType: floats(path, logits), mostTokens: ids.shape[1] ?? null };
}

const byName = (values: readonly GraphValue[]) => new Map(values.map((value) => [value.name, value]));

/** The value of a name, whose extents are these where it says any. */
function take(
  path: string,
  kind: "input" | "output",
  values: ReadonlyMap<string, GraphValue>,
  name: string,
  shape: readonly (number | null)[],
): GraphValue {
  const value = values.get(name);
  if (value === undefined) {
    throw fault(path, `has no ${kind} ${name}: it is no decoder that Optimum exported for this config.json`);
  }
  const fits =
    value.shape.length === shape.length &&
    shape.every((wanted, axis) => wanted === null || (value.shape[axis] ?? wanted) === wanted);
  if (!fits) {
    const shown = (extents: readonly (number | null)[]) =>
      `[${extents.map((extent) => extent ?? "any").join(", ")}]`;
    throw fault(path, `${kind} ${name} is ${shown(value.shape)} where config.json asks for ${shown(shape)}`);
  }
  return value;
}

function integers(path: string, { name, type }: GraphValue): void {
  if (type !== ELEMENT_TYPES.i64) throw fault(path, `input ${name} is not of 64-bit integers`);
}

function floats(path: string, { name, type }: GraphValue): FloatType {
  if (type === ELEMENT_TYPES.f32) return "f32";
  if (type === ELEMENT_TYPES.f16) return "f16";
  throw fault(path, `${name} is neither float32 nor float16; export it as one of them`);
}
