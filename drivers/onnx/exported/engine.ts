import { arch, platform } from "node:process";
import type { EngineModule } from "../../local/engine.ts";
import { requireMemory } from "../../local/require-memory.ts";
import { warmUp } from "../../local/warm-up.ts";
import { findLibrary } from "../runtime/library.ts";
import { OrtSession } from "../runtime/session.ts";
import { goesOnInPieces } from "./continuation.ts";
import type { ExportedEngineOptions } from "./engine-options.ts";
import { ExportedEngine } from "./exported-engine.ts";

/** The engine process imports this module; nothing else may, for it brings native code. */
const engine: EngineModule<ExportedEngineOptions> = {
  async load(options) {
    if (options.neededBytes !== null) requireMemory(options.neededBytes);
    const library = findLibrary({ platform, arch });
    const { threads } = options;
    const first = await OrtSession.load(library, { model: options.first.path, threads });
    const later =
      options.later === null ? null : await OrtSession.load(library, { model: options.later.path, threads });
    const loaded = new ExportedEngine({ first, later }, options);
    await warmUp(loaded);
    if (!(await goesOnInPieces(loaded))) loaded.feedSingly();
    return loaded;
  },
};
export default engine;
