import type { Limits } from "../access/keyring.ts";
import type { Decision, LimitStatus, LimitStore } from "../access/limit-store.ts";
import type { Line } from "./line.ts";
import { asksPrimary } from "./procedures.ts";

/** Limits that the primary process counts for all workers. */
export class AskedLimits implements LimitStore {
  readonly #line: Line;

  constructor(line: Line) {
    this.#line = line;
  }

  async reserve(name: string, { rpm, tpm, maxParallel }: Limits, tokens: number): Promise<Decision> {
    const limits = { rpm, tpm, maxParallel };
    const answer = await this.#line.ask(asksPrimary.reserve, { name, limits, tokens });
    if (!answer.admitted) return answer;
    const { id, standing } = answer;
    let settled = false;
    const settle = (used: number): void => {
      if (settled) return;
      settled = true;
      // A primary that has gone takes its workers with it.
      void this.#line.ask(asksPrimary.settle, { id, tokens: used }).catch(() => undefined);
    };
    return { admitted: true, standing, reservation: { settle } };
  }

  status(): LimitStatus {
    return { store: "process", reachable: null, failures: 0 };
  }

  async close(): Promise<void> {}
}
