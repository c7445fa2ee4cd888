import { OperatorError } from "../errors.ts";
import { hubOf, parseRepository } from "../hub/hub.ts";
import { pull } from "../hub/pull.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";
import { TransferRate } from "./transfer-rate.ts";

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
  const rate = new TransferRate(monotonic());
  try {
    const { folder, commit, bytes } = await pull(hubOf(env, home), repository, {
      signal: interrupted.signal,
      onProgress: (done, total) =>
        display.update({
          task: `fetching ${repository.id}`,
          detail: rate.told(done, total, monotonic()),
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
