import koffi from "koffi";
import { LOG_LEVEL, logCallback } from "./layout.ts";

/** Most characters of llama.cpp's reasons that an error carries. */
const MOST_CHARACTERS = 2000;

/**
 * Listens to llama.cpp while a model loads: its functions return null on failure and give their reason to the log only.
 * Never while it computes: an exception in a callback would end the process.
 */
export class LoadLog {
  readonly callback: bigint;
  #reasons = "";
  #level = 0;

  constructor() {
    this.callback = koffi.register((level: number, text: string) => {
      if (level !== LOG_LEVEL.continued) this.#level = level;
      if (this.#level < LOG_LEVEL.error) return;
      this.#reasons = (this.#reasons + text).slice(-MOST_CHARACTERS);
    }, koffi.pointer(logCallback));
  }

  /** What llama.cpp gave as the reason, in one line. */
  get reasons(): string {
    return this.#reasons
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join("; ");
  }

  release(): void {
    koffi.unregister(this.callback);
  }
}
