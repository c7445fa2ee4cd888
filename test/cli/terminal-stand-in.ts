import type { Terminal } from "../../src/cli/terminal.ts";

export interface TerminalStandIn extends Terminal {
  /** What was written to standard output and to standard error. */
  readonly printed: string;
  readonly noted: string;
}

/** What was noted but for progress, which a busy machine takes long enough to show. */
export const withoutProgress = (noted: string): string => noted.replaceAll(/^.*(?: …|: \d+ %)\n/gm, "");

/** A terminal that keeps what is written, in the given folder, with nothing in its environment. `lines`: what is typed there. */
export function terminalIn(
  folder: string,
  onSignal: Terminal["onSignal"] = () => () => undefined,
  input = "",
  lines?: string[],
): TerminalStandIn {
  let printed = "";
  let noted = "";
  return {
    env: {},
    cwd: folder,
    platform: "linux",
    home: folder,
    print: (text) => {
      printed += text;
    },
    note: (text) => {
      noted += text;
    },
    columns: 0,
    onSignal,
    onHangup: () => () => undefined,
    input: async () => input,
    interactive: lines !== undefined,
    ask: async () => {
      const text = lines?.shift();
      return text === undefined ? "end" : { text };
    },
    exit: (status) => {
      throw new Error(`exit ${status}`);
    },
    get printed() {
      return printed;
    },
    get noted() {
      return noted;
    },
  };
}
