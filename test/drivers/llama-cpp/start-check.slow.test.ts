import { arch, platform } from "node:process";
import { expect, test } from "vitest";
import { findLibraries } from "../../../drivers/llama-cpp/library.ts";
import { openLlama } from "../../../drivers/llama-cpp/llama.ts";
import { checkLibrary, LLAMA_VERSION } from "../../../drivers/llama-cpp/start-check.ts";

const libraries = findLibraries("none", { platform, arch }, { libraries: undefined, cacheDir: "" });
const llama = openLlama(libraries);
const facts = {
  version: llama.llama_version(),
  modelDefaults: llama.llama_model_default_params(),
  contextDefaults: llama.llama_context_default_params(),
};

test("the installed library is the release that is expected", () => {
  expect(facts.version).toBe(LLAMA_VERSION);
  expect(() => checkLibrary(facts, libraries.llama, libraries.install)).not.toThrow();
});

test.each([
  [{ version: "0.5.0-dev" }, "its version is 0.5.0-dev, expected is 0.4.0-dev"],
  [
    { modelDefaults: { ...facts.modelDefaults, split_mode: 7 } },
    "default of llama_model_params.split_mode is 7",
  ],
  [
    { contextDefaults: { ...facts.contextDefaults, no_perf: false } },
    "llama_context_params.no_perf is false",
  ],
  [{ contextDefaults: {} }, "llama_context_params.n_ctx is undefined"],
])("another one is refused with what differs and what to do: %#", (difference, message) => {
  const check = () => checkLibrary({ ...facts, ...difference }, libraries.llama, libraries.install);
  expect(check).toThrow(message);
  expect(check).toThrow(`${libraries.llama} is not the llama.cpp that this version works with`);
  expect(check).toThrow("npm install");
});
