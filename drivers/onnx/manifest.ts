import { join } from "node:path";
import { z } from "zod";
import { fault, hasEntry, parseJson, readText } from "../local/checkpoint/files.ts";
import { BLOCKS, ONNX_TYPES, PROVIDERS } from "./graph/precision.ts";

export const MANIFEST = "dolly-onnx.json";
export const MODEL_FILE = "model.onnx";
export const DATA_FILE = "model.onnx.data";

/** Changes whenever the same checkpoint gives other files. */
export const CONVERTER_VERSION = 1;

const schema = z.object({
  converter: z.literal(CONVERTER_VERSION, "was converted by another release: convert the checkpoint again"),
  type: z.enum(ONNX_TYPES),
  /** Null where the type has no blocks. */
  block: z.literal(BLOCKS).nullable(),
  provider: z.enum(PROVIDERS).default("cpu"),
  /** SHA-256 of the checkpoint's content. */
  source: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(z.object({ name: z.string(), bytes: z.int().min(0), sha256: z.string() })),
});

/** What stands beside a converted model: how it was made, and of what. */
export type Manifest = z.output<typeof schema>;

const MAX_MANIFEST = 1 << 20;

/** Undefined where the folder holds no converted model. Throws OperatorError that names file and key. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  if (!(await hasEntry(folder, MANIFEST))) return undefined;
  const path = join(folder, MANIFEST);
  const parsed = schema.safeParse(parseJson(path, await readText(folder, MANIFEST, MAX_MANIFEST)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fault(path, `${issue?.path.join(".") || "it"}: ${issue?.message ?? "is wrong"}`);
}
