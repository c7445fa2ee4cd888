import koffi, { type LibraryHandle } from "koffi";

/** koffi closes a library whose handle is collected as garbage; these live as long as the process. */
const handles = new Map<string, LibraryHandle>();

/**
 * Opens libraries one after the other, each once, for those that are opened later and name them: the loader takes what is open
 * under that name and looks no further. Only for an engine's process, after its koffi is configured. Throws Error with the path.
 */
export function preload(paths: readonly string[]): void {
  for (const path of paths) {
    if (handles.has(path)) continue;
    try {
      handles.set(path, koffi.load(path));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(reason.includes(path) ? reason : `${path}: ${reason}`);
    }
  }
}
