/** A process that writes a prepacked copy of a graph: `prepack-process MODEL FOLDER`. It ends with its parent. */
import { arch, argv, exit, kill, pid, platform } from "node:process";
import { DATA_FILE, MODEL_FILE } from "./manifest.ts";
import { findLibrary } from "./runtime/library.ts";
import { savePrepacked } from "./runtime/session.ts";

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => kill(pid, "SIGKILL"));

const [, , model = "", folder = ""] = argv;
try {
  await savePrepacked(findLibrary({ platform, arch }), {
    model,
    folder,
    graph: MODEL_FILE,
    numbers: DATA_FILE,
  });
  exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`, () => exit(1));
}
