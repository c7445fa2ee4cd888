import cluster from "node:cluster";
import { configError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { placementProblems } from "../config/workers.ts";
import { OperatorError } from "../errors.ts";
import { createGateway } from "../gateway.ts";
import { createLog } from "../telemetry/log.ts";
import { clusterPort } from "../workers/cluster-port.ts";
import { Crew } from "../workers/crew.ts";
import { Line } from "../workers/line.ts";
import { asksPrimary, asksWorker } from "../workers/procedures.ts";
import { configFromFile, type ServeFlags, type Surroundings } from "./config-source.ts";
import { bannerOf, gatewayParts, preload } from "./serve.ts";
import type { Terminal } from "./terminal.ts";

/** One of several processes that serve, until the primary process says that it is to stop. */
export async function serveAsWorker(
  flags: ServeFlags,
  around: Surroundings,
  terminal: Terminal,
): Promise<void> {
  const { worker } = cluster;
  if (worker === undefined) throw new TypeError("this is no worker process");
  // A terminal sends its signals to the whole group; what is done about them the primary says.
  terminal.onSignal(() => undefined);
  terminal.onHangup(() => undefined);
  const line = new Line(clusterPort(worker));
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    line.serve(asksWorker.stop, () => {
      stop.abort();
      resolve();
    });
  });
  try {
    await serveOn(line, { flags, around, terminal, stop: stop.signal, stopped });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { message, exitStatus } = error;
    await line.ask(asksPrimary.failed, { message, exitStatus });
    terminal.exit(exitStatus);
  }
}

interface WorkerParts {
  readonly flags: ServeFlags;
  readonly around: Surroundings;
  readonly terminal: Terminal;
  /** Aborted when the primary says so. */
  readonly stop: AbortSignal;
  readonly stopped: Promise<void>;
}

async function serveOn(line: Line, { flags, around, terminal, stop, stopped }: WorkerParts): Promise<void> {
  const begin = await line.ask(asksPrimary.begin, undefined);
  const loaded = configFromFile(flags, around, begin.started);
  const { source, file } = loaded;
  const config = { ...loaded.config, port: begin.port ?? loaded.config.port };
  const parse = (bytes: Uint8Array): Config => {
    const parsed = file?.parse(bytes) ?? config;
    const problems = placementProblems(parsed, config.workers, around.drivers);
    if (problems.length > 0) throw configError(problems.map((one) => ({ where: source, ...one })));
    return parsed;
  };
  const crew = new Crew(line, begin, parse);
  const log = createLog(config.log_level).child({ worker: begin.worker });
  const gateway = await createGateway({
    ...gatewayParts({ ...loaded, config }, { terminal, drivers: around.drivers, log }),
    source: { name: source, read: () => crew.read() },
    crew,
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
  });
  try {
    const address = await gateway.listen();
    const banner = await bannerOf(gateway, address, config.workers);
    await line.ask(asksPrimary.listening, { address, banner });
    await Promise.race([preload(gateway, stop), stopped]);
    await line.ask(asksPrimary.ready, undefined);
    await stopped;
  } finally {
    await gateway.close();
  }
}
