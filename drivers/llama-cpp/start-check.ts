import koffi from "koffi";
import { DEFAULT_CONTEXT_PARAMS, DEFAULT_MODEL_PARAMS, LAYOUTS } from "./layout.ts";

/** `llama_version()` of the libraries whose structs `layout.ts` describes. */
export const LLAMA_VERSION = "0.4.0-dev";

/** What a library says about itself. */
export interface LibraryFacts {
  readonly version: string;
  readonly modelDefaults: object;
  readonly contextDefaults: object;
}

/**
 * Refuses a library that is not the release that this binding was written for: passing a struct of another layout
 * would corrupt memory. Throws an Error that says what differs and what to do.
 */
export function checkLibrary(facts: LibraryFacts, path: string, reinstall: string): void {
  const difference =
    versionDifference(facts.version) ??
    layoutDifference() ??
    defaultDifference("llama_model_params", facts.modelDefaults, DEFAULT_MODEL_PARAMS) ??
    defaultDifference("llama_context_params", facts.contextDefaults, DEFAULT_CONTEXT_PARAMS);
  if (difference === undefined) return;
  throw new Error(
    `${path} is not the llama.cpp that this version works with: ${difference}. Run: ${reinstall}`,
  );
}

function versionDifference(version: string): string | undefined {
  return version === LLAMA_VERSION ? undefined : `its version is ${version}, expected is ${LLAMA_VERSION}`;
}

function layoutDifference(): string | undefined {
  for (const { type, name, size, offsets } of LAYOUTS) {
    const actual = koffi.sizeof(type);
    if (actual !== size) return `${name} takes ${actual} bytes on this platform, expected are ${size}`;
    for (const [member, offset] of Object.entries(offsets)) {
      const at = koffi.offsetof(type, member);
      if (at !== offset) return `${name}.${member} lies at ${at}, expected is ${offset}`;
    }
  }
  return undefined;
}

function defaultDifference(
  struct: string,
  actual: object,
  expected: Readonly<Record<string, unknown>>,
): string | undefined {
  const found = new Map<string, unknown>(Object.entries(actual));
  for (const [member, value] of Object.entries(expected)) {
    const got = found.get(member);
    // koffi gives 64-bit integers as bigint only where they are beyond the safe range.
    if (got !== value)
      return `the default of ${struct}.${member} is ${String(got)}, expected is ${String(value)}`;
  }
  return undefined;
}
