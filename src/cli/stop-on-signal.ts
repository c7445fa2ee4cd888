import type { Config } from "../config/schema.ts";
import type { Terminal } from "./terminal.ts";

export interface Stop {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** Resolves then. */
  readonly asked: Promise<void>;
  forget(): void;
}

/** The first SIGINT or SIGTERM asks to stop, the second ends the process at once with status 1, after `atOnce`. */
export function stopOnSignal(
  terminal: Terminal,
  { shutdown_grace: grace }: Pick<Config, "shutdown_grace">,
  atOnce: () => void,
): Stop {
  const stop = new AbortController();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const forget = terminal.onSignal(() => {
    if (stop.signal.aborted) {
      atOnce();
      terminal.exit(1);
    }
    stop.abort();
    resolve();
    terminal.note(`\nstopping: running requests have ${grace} s; a second signal ends them at once\n`);
  });
  return { signal: stop.signal, asked, forget };
}
