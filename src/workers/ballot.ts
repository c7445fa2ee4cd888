import type { output } from "zod";
import { OperatorError } from "../errors.ts";
import type { Changes } from "../reload/configuration.ts";
import type { asksWorker } from "./procedures.ts";

type Vote = output<(typeof asksWorker)["prepare"]["answer"]>;

interface Round {
  readonly vote: PromiseWithResolvers<Vote>;
  readonly decision: PromiseWithResolvers<Vote>;
  readonly changes: Promise<Changes | null>;
}

/**
 * One worker's part in a reload that all apply or none does: each says whether it could serve the new configuration, and
 * waits to hear whether every other could.
 */
export class Ballot {
  #round: Round | undefined;

  /** Reads the configuration and resolves as soon as it is known whether it could be served. */
  prepare(reload: () => Promise<Changes>): Promise<Vote> {
    const vote = Promise.withResolvers<Vote>();
    const decision = Promise.withResolvers<Vote>();
    // `agree` is called amid it, unless nothing has changed or it is refused here.
    const changes = Promise.resolve()
      .then(reload)
      .then(
        (made) => {
          vote.resolve({ refusal: null });
          return made;
        },
        (error: unknown) => {
          vote.resolve({ refusal: error instanceof Error ? error.message : String(error) });
          return null;
        },
      );
    this.#round = { vote, decision, changes };
    return vote.promise;
  }

  /** To be called when everything is ready to serve. Throws OperatorError where another worker refuses. */
  async agree(): Promise<void> {
    if (this.#round === undefined) return;
    this.#round.vote.resolve({ refusal: null });
    const { refusal } = await this.#round.decision.promise;
    if (refusal !== null) throw new OperatorError(refusal);
  }

  /** What the primary says that all do; resolves with what has changed, null where it was refused. */
  async decide(decision: Vote): Promise<Changes | null> {
    const round = this.#round;
    this.#round = undefined;
    round?.decision.resolve(decision);
    return (await round?.changes) ?? null;
  }
}
