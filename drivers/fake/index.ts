import { defineDriver } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { FakeModel } from "./model.ts";
import { type FakeOptions, fakeOptions } from "./options.ts";
import { CONTROL_TOKENS, VOCABULARY_SIZE } from "./vocabulary.ts";

/** Answers from a script, in the gateway's own process. */
export const fake = defineDriver({
  name: "fake",
  about: "answers from a script: for tests, demos and the overhead benchmark",
  options: fakeOptions,
  paths: [],
  loadsWeights: false,
  async inspect(options, { name, maxModelLen }) {
    return {
      name,
      contextLength: contextLength(options, maxModelLen, name),
      vocabularySize: VOCABULARY_SIZE,
      precision: "none",
      controlTokens: CONTROL_TOKENS,
    };
  },
  async load(options, { name, maxModelLen }, signal) {
    signal.throwIfAborted();
    return new FakeModel(name, options, contextLength(options, maxModelLen, name));
  },
});

function contextLength(options: FakeOptions, maxModelLen: number | undefined, name: string): number {
  if (maxModelLen === undefined || maxModelLen <= options.context_length) {
    return maxModelLen ?? options.context_length;
  }
  throw new OperatorError(
    `${name}: max_model_len ${maxModelLen} is more than the model's context of ${options.context_length} tokens`,
  );
}
