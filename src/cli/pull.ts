import { OperatorError } from "../errors.ts";
import { hubOf, parseRepository } from "../hub/hub.ts";
import { pull } from "../hub/pull.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";

/** Fetches a model into Hugging Face's cache. SIGINT and SIGTERM stop it; the next time it goes on from there. */
export async function pullCommand(name: string, terminal: Terminal): Promise<void> {
  const { env, home, note, columns } = terminal;
  const repository = parseRepository(name);
  if (repository === undefined) {
    throw new OperatorError(`${name}: is no repository; name one as owner/name, or owner/name@revision`, {
      exitStatus: 2,
    });
  }
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) => {
    interrupted.abort(
      new OperatorError(`${signal}: stopped; what has come is kept, and the same command goes on from there`),
    );
  });
  const monotonic = () => performance.now();
  const display = showProgress(`fetching ${repository.id}`, { note, columns, monotonic, after });
  const rate = new Rate(monotonic());
  try {
    const { folder, commit, bytes } = await pull(hubOf(env, home), repository, {
      signal: interrupted.signal,
      onProgress: (done, total) =>
        display.update({
          task: `fetching ${repository.id} ${rate.told(done, total, monotonic())}`,
          fraction: done / Math.max(1, total),
        }),
    });
    display.end();
    terminal.print(
      `${folder}\n${repository.id} at ${commit}, ${(bytes / 1e6).toFixed(1)} MB. Serve it with: dolly serve ${folder}\n`,
    );
  } finally {
    display.end();
    ignoreSignals();
  }
}

/** How quickly something comes, and when all of it will be there. */
class Rate {
  readonly #began: number;
  #first: number | undefined;

  constructor(now: number) {
    this.#began = now;
  }

  /** "(1.2 of 5.7 GB, 84 MB/s, 54 s left)" */
  told(done: number, total: number, now: number): string {
    // What was there already has taken no time.
    this.#first ??= done;
    const seconds = (now - this.#began) / 1000;
    const perSecond = seconds > 0 ? (done - this.#first) / seconds : 0;
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
    const left =
      perSecond > 0
        ? `, ${(perSecond / 1e6).toFixed(0)} MB/s, ${Math.ceil((total - done) / perSecond)} s left`
        : "";
    return `(${gigabytes(done)} of ${gigabytes(total)} GB${left})`;
  }
}
