/** Writes the generated files again (`npm run generate`); test/generated.test.ts fails where one has drifted. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedFiles } from "./generated-files.ts";

const root = join(import.meta.dirname, "..");
for (const { path, text } of generatedFiles) {
  writeFileSync(join(root, path), text);
  console.log(path);
}
