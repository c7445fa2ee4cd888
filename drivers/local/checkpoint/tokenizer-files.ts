import { join } from "node:path";
import { z } from "zod";
import { type TokenizerJson, tokenizerJsonSchema } from "../tokenizer-json.ts";
import { fault, hasEntry, parseJson, readText } from "./files.ts";

const MAX_TOKENIZER = 64 << 20;
const MAX_OPTIONS = 1 << 20;

export interface TokenizerFiles {
  /** `tokenizer.json`, as it is in the file. */
  readonly text: string;
  readonly json: TokenizerJson;
  /** Ids of the tokens that `tokenizer_config.json` gives a role; null where it gives none. */
  readonly roles: { readonly bos: number | null; readonly eos: number | null; readonly unk: number | null };
}

const roleSchema = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const optionsSchema = z.looseObject({ bos_token: roleSchema, eos_token: roleSchema, unk_token: roleSchema });

/** Reads a checkpoint's tokenizer for a model with `rows` vocabulary rows. Throws OperatorError that names the file. */
export async function readTokenizerFiles(folder: string, rows: number): Promise<TokenizerFiles> {
  const path = join(folder, "tokenizer.json");
  const text = await readText(folder, "tokenizer.json", MAX_TOKENIZER);
  const parsed = tokenizerJsonSchema.safeParse(parseJson(path, text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fault(path, `is not a BPE tokenizer: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const json = parsed.data;
  for (const [token, id] of Object.entries(json.model.vocab)) checkId(path, token, id, rows);
  for (const { content, id } of json.added_tokens) checkId(path, content, id, rows);
  const options = await readOptions(folder);
  const added = new Map(json.added_tokens.map(({ id, content }) => [content, id]));
  const idOf = (token: string | null | undefined) => added.get(token ?? "") ?? null;
  const { bos_token: bos, eos_token: eos, unk_token: unk } = options;
  return { text, json, roles: { bos: idOf(bos), eos: idOf(eos), unk: idOf(unk) } };
}

function checkId(path: string, token: string, id: number, rows: number): void {
  if (id >= rows) {
    throw fault(
      path,
      `token ${JSON.stringify(token)} has id ${id}, beyond config.json's vocabulary of ${rows}`,
    );
  }
}

async function readOptions(folder: string): Promise<z.output<typeof optionsSchema>> {
  const name = "tokenizer_config.json";
  if (!(await hasEntry(folder, name))) return {};
  const path = join(folder, name);
  const parsed = optionsSchema.safeParse(parseJson(path, await readText(folder, name, MAX_OPTIONS)));
  if (!parsed.success) throw fault(path, z.prettifyError(parsed.error));
  return parsed.data;
}
