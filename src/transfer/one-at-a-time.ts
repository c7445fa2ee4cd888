import { mkdir, open, rm, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds after which whoever holds a mark shows again that it is alive. */
const ALIVE_MS = 2_000;
/** A mark that stays as it is for so long was left by a process that was killed. */
const ABANDONED_MS = 15_000;
const LOOK_MS = 200;

export interface Turn {
  /** The file that marks that somebody is at it. */
  readonly mark: string;
  readonly signal: AbortSignal;
  /** Another process is at it. */
  readonly onWait?: () => void;
}

/**
 * Does what two processes must not do at the same time: the second waits until the first has ended, or has shown no sign of life for
 * 15 s. Throws `signal.reason`, what `work` throws, and system errors of the mark.
 */
export async function oneAtATime<Result>(turn: Turn, work: () => Promise<Result>): Promise<Result> {
  const { mark, signal, onWait } = turn;
  await mkdir(dirname(mark), { recursive: true });
  if (!(await taken(mark))) {
    onWait?.();
    await untilTaken(mark, signal);
  }
  const alive = setInterval(() => {
    const now = new Date();
    // One that was taken for abandoned is another's by now, or gone.
    void utimes(mark, now, now).catch(() => undefined);
  }, ALIVE_MS);
  try {
    return await work();
  } finally {
    clearInterval(alive);
    await rm(mark, { force: true });
  }
}

async function untilTaken(mark: string, signal: AbortSignal): Promise<void> {
  // Clocks of machines that share a folder differ: what counts is how long the mark stays as it is, by this one's.
  let seen = "";
  let since = performance.now();
  while (!(await taken(mark))) {
    const now = await lookOf(mark);
    if (now !== seen) {
      seen = now;
      since = performance.now();
    } else if (performance.now() - since > ABANDONED_MS) await rm(mark, { force: true });
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

const lookOf = (mark: string): Promise<string> =>
  stat(mark).then(
    ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
    () => "",
  );

/** Whether the mark is this process' now. */
async function taken(mark: string): Promise<boolean> {
  try {
    await (await open(mark, "wx")).close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
