/**
 * The engine's process: loads the engine that the first message names, then serves requests with it. It lives exactly
 * as long as its parent wants: a signal that a terminal sends to the whole group does not end it (the parent drains
 * first), the loss of the parent does, at once.
 */
import { randomInt } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Engine, EngineModule } from "./engine.ts";
import { type FromEngine, type LoadMessage, PROTOCOL_VERSION, type ToEngine } from "./protocol.ts";
import { StepLoop } from "./step-loop.ts";
import { Vocabulary } from "./vocabulary.ts";

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// Not `exit`: native threads may be in the middle of a step.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const monotonic = () => performance.now();

let loop: StepLoop | undefined;

/** Resident bytes, asked for once a second: the answer takes longer than all else between two steps. */
const memory = (() => {
  let bytes = 0;
  let asked = Number.NEGATIVE_INFINITY;
  return () => {
    if (monotonic() - asked >= 1000) {
      bytes = process.memoryUsage.rss();
      asked = monotonic();
    }
    return bytes;
  };
})();

function send(message: FromEngine): void {
  process.send?.(message);
}

async function load({ version, module, options, vocabulary, limits }: LoadMessage): Promise<StepLoop> {
  if (version !== PROTOCOL_VERSION) {
    throw new Error(`the gateway speaks protocol ${version}, this engine process ${PROTOCOL_VERSION}`);
  }
  const imported: { default: EngineModule<object> } = await import(module);
  const engine: Engine = await imported.default.load(options, (fraction) =>
    send({ type: "progress", fraction }),
  );
  const started = new StepLoop({
    engine,
    vocabulary: new Vocabulary(vocabulary),
    limits,
    report: (report) => send({ type: "events", ...report, memoryBytes: memory() }),
    monotonic,
    freshSeed: () => randomInt(2 ** 47),
  });
  send({ type: "ready", info: engine.info });
  return started;
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.send?.({ type: "failed", message } satisfies FromEngine, () => process.exit(1));
}

process.on("message", (message: ToEngine) => {
  switch (message.type) {
    case "load":
      load(message).then((started) => {
        loop = started;
        started.run().catch(fail);
      }, fail);
      break;
    case "generate":
      loop?.submit(message.id, message.request);
      break;
    case "cancel":
      loop?.cancel(message.id);
      break;
    case "ping":
      loop?.ping(() => send({ type: "pong", id: message.id }));
      break;
  }
});
