import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
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
  readme(),
  await kernel("drivers/local/kernel/rows"),
  await kernel("drivers/onnx/kernel/blocks"),
];

/** The README with the table of drivers between its marks. */
function readme(): GeneratedFile {
  const [begin, end] = ["<!-- drivers: made by `npm run generate` -->\n", "<!-- end of drivers -->"];
  const text = readFileSync(join(import.meta.dirname, "..", "README.md"), "utf8");
  const [before = "", rest = ""] = text.split(begin);
  const after = rest.slice(rest.indexOf(end));
  const rows = drivers.map(({ name, about }) => `| \`${name}\` | ${about} |\n`);
  return { path: "README.md", text: `${before}${begin}| driver | |\n|---|---|\n${rows.join("")}${after}` };
}

/** A kernel, compiled and wrapped in a module that every build copies by itself. `path`: of its files, without endings. */
async function kernel(path: string): Promise<GeneratedFile> {
  const source = `${path}.asm.ts`;
  const name = basename(path);
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--outFile", "kernel.wasm"];
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
    path: `${path}.wasm.ts`,
    text: `/** Compiled from ${name}.asm.ts by \`npm run generate\`. */\nexport const ${name.toUpperCase()}_WASM = [\n${text}\n].join("");\n`,
  };
}
