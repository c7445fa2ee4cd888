import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";
import { bindPlacements } from "../../src/config/routes.ts";
import { KNOWN_MODELS } from "../../src/placement/shapes.ts";
import { templates } from "../../src/templates/index.ts";

const folder = join(import.meta.dirname, "..", "..", "config");
const examples = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const names = templates.map(({ name }) => name);
const presets = readdirSync(join(folder, "presets")).filter((name) => name.endsWith(".yaml"));
const machine = () => ({
  platform: "linux",
  arch: "x64",
  cores: 8,
  memory: 64e9,
  availableMemory: 60e9,
  gpus: [],
  providers: [],
});

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
    expect(bindPlacements(model, options, { drivers, folder, machine })).not.toEqual([]);
  }
});

test("there is a preset for each model of the card's benchmark", () => {
  expect(presets.toSorted()).toEqual(
    Object.keys(KNOWN_MODELS)
      .map((name) => `${name}.yaml`)
      .toSorted(),
  );
});

test.each(presets)(
  "config/presets/%s is valid, and a machine without a GPU has one of its placements",
  (name) => {
    const config = parseConfig(
      readDocument(name, readFileSync(join(folder, "presets", name)), {}),
      [],
      drivers,
      names,
    );
    for (const [model, options] of Object.entries(config.models)) {
      expect(bindPlacements(model, options, { drivers, folder, machine })).not.toEqual([]);
    }
  },
);
