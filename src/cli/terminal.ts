/** What a command may see and touch of the process it runs in. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** As `process.platform` has it. */
  readonly platform: string;
  readonly home: string;
  /** Standard output. */
  print(text: string): void;
  /** Standard error. */
  note(text: string): void;
  /** Columns of the terminal that standard error goes to; 0 where it is none. */
  readonly columns: number;
  /** Calls back at each SIGINT and SIGTERM until the returned function is called. */
  onSignal(callback: (signal: "SIGINT" | "SIGTERM") => void): () => void;
  /** Calls back at each SIGHUP until the returned function is called; without, a SIGHUP ends the process. */
  onHangup(callback: () => void): () => void;
  /** All of standard input. */
  input(): Promise<string>;
  /** Whether somebody sits before it: standard input and output are a terminal. */
  readonly interactive: boolean;
  /** A line that is typed, with the lines before it at hand by the arrow keys; Ctrl-C; or the end, Ctrl-D. */
  ask(prompt: string): Promise<{ readonly text: string } | "interrupt" | "end">;
  /** Ends the process at once. */
  exit(status: number): never;
}

/** Calls back once after a time in milliseconds; returns what cancels it. It keeps no process alive. */
export function after(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
