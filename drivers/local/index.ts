import { performance } from "node:perf_hooks";
import type { Model } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { LocalModel, type LocalModelStart } from "./local-model.ts";
import { Supervisor } from "./supervisor.ts";

/** Starts the engine's process and loads the model in it. Throws OperatorError with what the engine said. */
export async function startLocalModel(start: LocalModelStart, signal: AbortSignal): Promise<Model> {
  const { tokenizer, engine, limits, loadTimeoutMs, stallTimeoutMs, context, description } = start;
  const task = `loading ${context.name}`;
  const supervisor = await Supervisor.start(
    {
      start: {
        load: { ...engine, vocabulary: tokenizer.vocabulary.pack(), limits },
        loadTimeoutMs,
        stallTimeoutMs,
        onProgress: (fraction) => context.onProgress({ task, fraction }),
      },
      log: context.log,
      monotonic: () => performance.now(),
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
    },
    signal,
  ).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof OperatorError)) throw error;
    throw new OperatorError(`${context.name}: ${error.message}`, { cause: error });
  });
  const { vocabularySize } = supervisor.info;
  if (vocabularySize !== description.vocabularySize) {
    await supervisor.close();
    throw new OperatorError(
      `${context.name}: the engine has ${vocabularySize} vocabulary rows where the file promises ${description.vocabularySize}`,
    );
  }
  return new LocalModel(start, supervisor);
}
