import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readTokenizerFiles } from "../local/checkpoint/tokenizer-files.ts";

/** Rows of the embedding of dolly-v2-3b, 7b and 12b, and most tokens of their contexts (config.json on the hub). */
const DOLLY_V2 = { vocabularySize: 50_280, contextLength: 2048 } as const;

/** The tokenizer of Dolly v2, which comes with the gateway. */
export async function dollyTokenizer() {
  const tokenizer = await readTokenizerFiles(packagedFolder("tokenizers/dolly-v2"), DOLLY_V2.vocabularySize);
  return { ...DOLLY_V2, tokenizer: tokenizer.json, text: tokenizer.text, endOfText: tokenizer.roles.eos };
}

/** A folder of the package, from the sources and from a build alike. */
function packagedFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, name)) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, name);
}
