import koffi, { type LibraryHandle } from "koffi";

/** koffi closes a library whose handle is collected as garbage; these live as long as the process. */
const handles = new Map<string, LibraryHandle>();

/** Opens a library, once, for as long as the process lives. Only for an engine's process, after its koffi is configured. Throws Error with the path. */
export function openLibrary(path: string): LibraryHandle {
  try {
    const handle = handles.get(path) ?? koffi.load(path);
    handles.set(path, handle);
    return handle;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(reason.includes(path) ? reason : `${path}: ${reason}`);
  }
}

/**
 * Opens libraries one after the other for those that are opened later and name them: the loader takes what is open
 * under that name and looks no further. Throws as `openLibrary`.
 */
export function preload(paths: readonly string[]): void {
  for (const path of paths) openLibrary(path);
}
