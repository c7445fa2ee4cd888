import { z } from "zod";
import { type Driver, defineDriver, type ModelDescription } from "../../src/core/driver.ts";

export const description: ModelDescription = {
  name: "tiny",
  contextLength: 64,
  vocabularySize: 10,
  precision: "f16",
  controlTokens: [],
};

const unused = () => Promise.reject(new Error("these tests load nothing"));

/** Two drivers with different options, as far as a config sees them. */
export const testDrivers: readonly Driver[] = [
  defineDriver({
    name: "llama-cpp",
    about: "Runs files.",
    options: z.strictObject({
      model: z.string().min(1).describe("Path."),
      type: z.enum(["f16", "q8_0"]).optional().describe("Type."),
      parallel: z.int().min(1).max(64).default(4).describe("Slots."),
    }),
    paths: ["model"],
    inspect: async () => description,
    load: unused,
  }),
  defineDriver({
    name: "script",
    about: "Answers from a script.",
    options: z.strictObject({ answer: z.string().default("yes").describe("The answer.") }),
    paths: [],
    inspect: async () => description,
    load: unused,
  }),
];
