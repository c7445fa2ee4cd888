import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const folder = join(import.meta.dirname, "..", "src", "web");

/** The chat page as the gateway serves it: its markup, script and style, the two named by their content. */
export async function builtPage(): Promise<string> {
  const script = await bundled("main.tsx");
  const style = await bundled("style.css");
  const named = (text: string, extension: string) =>
    `/assets/${createHash("sha256").update(text).digest("hex").slice(0, 16)}.${extension}`;
  const [scriptPath, stylePath] = [named(script, "js"), named(style, "css")];
  const html = readFileSync(join(folder, "index.html"), "utf8")
    .replace("SCRIPT", scriptPath)
    .replace("STYLE", stylePath);
  const files = [
    { path: "/", contentType: "text/html; charset=utf-8", text: html },
    { path: scriptPath, contentType: "text/javascript; charset=utf-8", text: script },
    { path: stylePath, contentType: "text/css; charset=utf-8", text: style },
  ];
  return `/** Made of src/web by \`npm run generate\`. */\nexport const PAGE_FILES: readonly {\n  readonly path: string;\n  readonly contentType: string;\n  readonly text: string;\n}[] = ${JSON.stringify(files, null, 2)};\n`;
}

async function bundled(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, name)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`${name} gave nothing`);
  return output.text;
}
