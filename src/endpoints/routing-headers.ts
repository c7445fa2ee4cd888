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
    for (const { id, error } of attempts) {
      if (error === undefined) this.#placements.add(id);
      this.#attempts.add(error === undefined ? id : `${id};error=${error}`);
    }
    for (const { id, reason } of skipped) this.#attempts.add(`${id};skipped="${reason}"`);
    if (this.#placements.size > 0) this.#header("x-gateway-placement", [...this.#placements].join(", "));
    if (this.#attempts.size > 0) this.#header("x-gateway-attempts", [...this.#attempts].join(", "));
  }
}
