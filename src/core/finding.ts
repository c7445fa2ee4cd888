/** Something that was looked at, and what it is like. */
export interface Finding {
  /** What was looked at, such as `llama.cpp`. */
  readonly what: string;
  /** `note`: neither good nor bad. `warning`: it works, but not as it could. `problem`: something that is wanted will not work. */
  readonly state: "ok" | "note" | "warning" | "problem";
  readonly detail: string;
  /** The command or the change that mends it. */
  readonly mend?: string;
}
