import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";
import { bindPlacements } from "../../src/config/routes.ts";
import { templates } from "../../src/templates/index.ts";

const folder = join(import.meta.dirname, "..", "..", "config");
const examples = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const names = templates.map(({ name }) => name);

test("there is a default and an example for each size", () => {
  expect(examples).toEqual(
    expect.arrayContaining([
      "dolly.yaml",
      "dolly-v2-3b.gguf.yaml",
      "dolly-v2-7b.gguf.yaml",
      "dolly-v2-12b.gguf.yaml",
    ]),
  );
});

test.each(examples)("config/%s is valid and names its schema", (name) => {
  const bytes = readFileSync(join(folder, name));
  expect(bytes.toString()).toMatch(/^# yaml-language-server: \$schema=\.\/dolly\.schema\.json\n/);
  const config = parseConfig(readDocument(name, bytes, {}), [], drivers, names);
  for (const [model, options] of Object.entries(config.models)) {
    expect(bindPlacements(model, options, { drivers, folder })).not.toEqual([]);
  }
});
