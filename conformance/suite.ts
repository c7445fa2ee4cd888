/** The engines that a suite runs on, each under the name of its driver. */
export const DRIVERS = ["llama-cpp", "onnx"] as const;
export type DriverName = (typeof DRIVERS)[number];

/** Where a suite runs, and against what. */
export interface Surroundings {
  /** Of the gateway, such as `http://127.0.0.1:41234`. */
  readonly base: string;
  /** A folder of the suite's own, kept between runs, for what it installs. */
  readonly work: string;
  /** This folder. */
  readonly folder: string;
  note(text: string): void;
}

export interface Case {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped; one line. */
  readonly detail: string;
}

/** Cases of a suite that are not ours to pass, by patterns of their names and of what they failed with; both have to match. */
export interface Excuse {
  readonly cases: RegExp;
  readonly detail: RegExp;
  readonly reason: string;
}

/** Somebody else's client or tests. */
export interface Suite {
  readonly name: string;
  /** What it is, with its release. */
  readonly about: string;
  /** Programs that have to be on the PATH. */
  readonly needs: readonly string[];
  /** Cases that it has: where it tells of fewer, it did not run whole. */
  readonly atLeast: number;
  readonly excuses: readonly Excuse[];
  run(surroundings: Surroundings): Promise<Case[]>;
}
