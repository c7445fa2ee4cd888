import type { Routing } from "../routing/route.ts";

/** How a request's generations found their placements, as headers of its answer; those of several prompts are told once each. */
export class RoutingHeaders {
  readonly #header: (name: string, value: string) => void;
  readonly #placements = new Set<string>();
  readonly #attempts = new Set<string>();

  constructor(header: (name: string, value: string) => void) {
    this.#header = header;
  }

  add({ attempts, skipped }: Routing): void {
    for (const { id, error, hedge, outpaced } of attempts) {
      if (error === undefined && !outpaced) this.#placements.add(id);
      const told = [id, hedge ? "hedge" : "", outpaced ? "outpaced" : "", error ? `error=${error}` : ""];
      this.#attempts.add(told.filter((part) => part !== "").join(";"));
    }
    for (const { id, reason } of skipped) this.#attempts.add(`${id};skipped="${reason}"`);
    if (this.#placements.size > 0) this.#header("x-gateway-placement", [...this.#placements].join(", "));
    if (this.#attempts.size > 0) this.#header("x-gateway-attempts", [...this.#attempts].join(", "));
  }
}
