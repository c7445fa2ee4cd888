import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import asc from "assemblyscript/asc";
import { drivers } from "../drivers/index.ts";
import { configJsonSchema, configSchema } from "../src/config/schema.ts";
import { fieldsOf } from "../src/endpoints/fields.ts";
import { endpoints } from "../src/endpoints/index.ts";
import { openApi } from "../src/endpoints/openapi.ts";
import { METRICS, type MetricDefinition } from "../src/telemetry/metric-table.ts";
import { templates } from "../src/templates/index.ts";
import { grafanaDashboard } from "./grafana-dashboard.ts";
import { builtPage } from "./page.ts";
import { presets } from "./presets.ts";

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
  ...presets(),
  json("deploy/grafana/dolly-gateway.json", grafanaDashboard()),
  // A chart reads no file outside its folder.
  json("deploy/helm/dolly-gateway/files/dolly-gateway.json", grafanaDashboard()),
  { path: "deploy/helm/dolly-gateway/files/alerts.yaml", text: read("deploy/prometheus/alerts.yaml") },
  between("README.md", "drivers", driverTable()),
  between("docs/fields.md", "fields", fieldTables()),
  between("docs/metrics.md", "metrics", metricTable()),
  { path: "src/endpoints/page.generated.ts", text: await builtPage() },
  await kernel("drivers/local/kernel/rows"),
  await kernel("drivers/onnx/kernel/blocks"),
];

/** A file by its path from the root of the repository. */
function read(path: string): string {
  return readFileSync(join(import.meta.dirname, "..", path), "utf8");
}

/** A page with a generated part between its marks. */
function between(path: string, what: string, part: string): GeneratedFile {
  const [begin, end] = [`<!-- ${what}: made by \`npm run generate\` -->\n`, `<!-- end of ${what} -->`];
  const text = read(path);
  const [before = "", rest = ""] = text.split(begin);
  const after = rest.slice(rest.indexOf(end));
  return { path, text: `${before}${begin}${part}${after}` };
}

function driverTable(): string {
  const rows = drivers.map(({ name, about }) => `| \`${name}\` | ${about} |\n`);
  return `| driver | |\n|---|---|\n${rows.join("")}`;
}

function fieldTables(): string {
  const paths = ["/v1/chat/completions", "/v1/completions", "/v1/responses"];
  return paths
    .map((path) => {
      const endpoint = endpoints.find((one) => one.path === path && one.method === "post");
      const fields = endpoint === undefined ? [] : fieldsOf(endpoint);
      const rows = fields.map(
        ({ name, fate, about }) => `| \`${name}\` | ${fate} | ${about.replaceAll("|", "\\|")} |\n`,
      );
      return `\n## ${path}\n\n| field | | |\n|---|---|---|\n${rows.join("")}`;
    })
    .join("");
}

function metricTable(): string {
  const definitions: readonly MetricDefinition[] = Object.values(METRICS);
  const rows = definitions.map(({ name, type, help, labels }) => {
    const named = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${named} | ${help} |\n`;
  });
  return `| metric | type | labels | what it says |\n|---|---|---|---|\n${rows.join("")}`;
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
