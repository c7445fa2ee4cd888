import { arch, platform } from "node:process";
import type { EngineModule } from "../local/engine.ts";
import { requireMemory } from "../local/require-memory.ts";
import { warmUp } from "../local/warm-up.ts";
import type { OnnxEngineOptions } from "./engine-options.ts";
import { neededBytes } from "./memory.ts";
import { findLibrary } from "./runtime/library.ts";
import { OrtSession } from "./runtime/session.ts";
import { SessionEngine } from "./session-engine.ts";

/** The engine process imports this module; nothing else may, for it brings native code. */
const engine: EngineModule<OnnxEngineOptions> = {
  async load(options) {
    const { modelPath, threads, memory } = options;
    if (memory !== null) requireMemory(neededBytes(memory));
    const session = await OrtSession.load(findLibrary({ platform, arch }), { model: modelPath, threads });
    const loaded = new SessionEngine(session, options);
    await warmUp(loaded);
    return loaded;
  },
};
export default engine;
