import type { output } from "zod";
import type { LimitStore } from "../access/limit-store.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../core/log.ts";
import type { Endpoint, EndpointContext } from "../endpoints/endpoint.ts";
import { GatewayError, OperatorError } from "../errors.ts";
import type { Configuration, ReloadProgress } from "../reload/configuration.ts";
import type { Fellowship } from "../reload/live-configuration.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { everywhere, localAct } from "./across.ts";
import { AskedLimits } from "./asked-limits.ts";
import { Ballot } from "./ballot.ts";
import type { Line } from "./line.ts";
import { asksPrimary, asksWorker, type readFile } from "./procedures.ts";

/** A gateway as it would serve alone. */
export interface Alone {
  readonly context: EndpointContext;
  readonly endpoints: readonly Endpoint[];
}

export interface CrewMember extends Alone {
  readonly live: Configuration;
  readonly metrics: Metrics | undefined;
  readonly log: Log;
}

/** The other processes that serve with this one, as its gateway sees them. */
export class Crew implements Fellowship {
  readonly limits: LimitStore;
  /** The configuration in force, which may be a later one than that of the start. */
  readonly current: Config;
  readonly progress: ReloadProgress | null;
  readonly #line: Line;
  readonly #parse: (bytes: Uint8Array) => Config;
  readonly #ballot = new Ballot();
  #file: output<typeof readFile>;

  /** `parse` throws OperatorError, as this does. */
  constructor(
    line: Line,
    { current, progress }: { current: Uint8Array; progress: ReloadProgress | null },
    parse: (bytes: Uint8Array) => Config,
  ) {
    this.#line = line;
    this.#parse = parse;
    this.#file = { bytes: current };
    this.current = parse(current);
    this.progress = progress;
    this.limits = new AskedLimits(line);
  }

  /** The configuration that the primary read last. Throws OperatorError. */
  read(): Config {
    if ("bytes" in this.#file) return this.#parse(this.#file.bytes);
    throw new OperatorError(this.#file.problem, { exitStatus: 2 });
  }

  agree(): Promise<void> {
    return this.#ballot.agree();
  }

  /** Answers what the primary asks of this process from now on; gives the gateway as it serves together with the others. */
  join({ context, endpoints, live, metrics, log }: CrewMember): Alone {
    const line = this.#line;
    line.serve(asksWorker.prepare, ({ file, trigger }) =>
      this.#ballot.prepare(() => {
        this.#file = file;
        return live.reload(trigger);
      }),
    );
    line.serve(asksWorker.decide, async (decision) => {
      const changes = await this.#ballot.decide(decision);
      const { generation, appliedAt, reloads, refusal } = live.state();
      return { changes, progress: { generation, appliedAt, reloads, refusal } };
    });
    line.serve(asksWorker.snapshot, () => {
      if (metrics === undefined) throw new GatewayError("unknown_url", "Metrics are off.");
      return metrics.snapshot();
    });
    line.serve(asksWorker.act, (act) => localAct(endpoints, act, { context, log }));
    return {
      endpoints: endpoints.map((endpoint) => everywhere(endpoint, line)),
      context: {
        ...context,
        configuration: {
          state: () => live.state(),
          reload: (trigger) => line.ask(asksPrimary.reload, { trigger }),
        },
        metrics: metrics && {
          contentType: metrics.contentType,
          text: () => line.ask(asksPrimary.metrics, undefined),
        },
      },
    };
  }
}
