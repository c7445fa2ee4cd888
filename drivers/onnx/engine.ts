import { arch, platform } from "node:process";
import type { EngineModule } from "../local/engine.ts";
import type { OnnxEngineOptions } from "./engine-options.ts";
import { findLibrary } from "./runtime/library.ts";
import { OrtSession } from "./runtime/session.ts";
import { SessionEngine } from "./session-engine.ts";

/** The engine process imports this module; nothing else may, for it brings native code. */
const engine: EngineModule<OnnxEngineOptions> = {
  async load(options) {
    const { modelPath, threads } = options;
    const session = await OrtSession.load(findLibrary({ platform, arch }), { model: modelPath, threads });
    return new SessionEngine(session, options);
  },
};
export default engine;
