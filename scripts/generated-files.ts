import { join } from "node:path";
import asc from "assemblyscript/asc";
import { drivers } from "../drivers/index.ts";
import { configJsonSchema, configSchema } from "../src/config/schema.ts";
import { endpoints } from "../src/endpoints/index.ts";
import { openApi } from "../src/endpoints/openapi.ts";
import { templates } from "../src/templates/index.ts";

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const json = (path: string, value: object): GeneratedFile => ({
  path,
  text: `${JSON.stringify(value, null, 2)}\n`,
});

const schema = configSchema(
  drivers,
  templates.map(({ name }) => name),
);

/** Every committed file that follows from the code. */
export const generatedFiles: readonly GeneratedFile[] = [
  json("config/dolly.schema.json", configJsonSchema(schema)),
  json("docs/openapi.json", openApi(endpoints)),
  await rowKernel(),
];

/** The row kernel, compiled and wrapped in a module that every build copies by itself. */
async function rowKernel(): Promise<GeneratedFile> {
  const source = "drivers/local/kernel/rows.asm.ts";
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--outFile", "rows.wasm"];
  const root = ["--baseDir", join(import.meta.dirname, "..")];
  let compiled = Buffer.alloc(0);
  const said: string[] = [];
  const { error } = await asc.main([source, ...root, ...options], {
    writeFile(_name, contents) {
      compiled = Buffer.from(contents);
    },
    stderr: { write: (text) => said.push(String(text)) > 0 },
  });
  if (error !== null) throw new Error(`${source}: ${said.join("")}`);
  const lines = compiled.toString("base64").match(/.{1,100}/g) ?? [];
  const text = lines.map((line) => `  "${line}",`).join("\n");
  return {
    path: "drivers/local/kernel/rows.wasm.ts",
    text: `/** Compiled from rows.asm.ts by \`npm run generate\`. */\nexport const ROWS_WASM = [\n${text}\n].join("");\n`,
  };
}
