/** Observations of one labelled series. What it costs is paid for each token, so nothing is allocated. */
export class Latencies {
  readonly #bounds: Float64Array;
  /** How many observations each bound took in; the last is of those above all. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** `bounds`: the buckets' upper bounds, rising. */
  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** `times` observations of the same value. */
  observe(value: number, times: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
    this.#sum += value * times;
  }

  /** Lines of Prometheus' text format. `labels`: as they are written there, without the braces. */
  lines(name: string, labels: string): string[] {
    let count = 0;
    const buckets = Array.from(this.#counts, (observed, index) => {
      count += observed;
      return `${name}_bucket{${labels},le="${this.#bounds[index] ?? "+Inf"}"} ${count}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${count}`];
  }
}

/**
 * A histogram with one label. prom-client looks its series up by a string that it makes for each observation, which is
 * much for a token; here whoever observes keeps the series at hand.
 */
export class LatencyHistogram {
  readonly #definition: { readonly name: string; readonly help: string; readonly buckets: readonly number[] };
  readonly #label: string;
  readonly #series = new Map<string, Latencies>();

  constructor(
    definition: { readonly name: string; readonly help: string; readonly buckets: readonly number[] },
    label: string,
  ) {
    this.#definition = definition;
    this.#label = label;
  }

  /** `value`: of the label; a name from the config, which holds nothing that would have to be escaped. */
  series(value: string): Latencies {
    const known = this.#series.get(value);
    if (known !== undefined) return known;
    const made = new Latencies(this.#definition.buckets);
    this.#series.set(value, made);
    return made;
  }

  text(): string {
    const { name, help } = this.#definition;
    const lines = [...this.#series].flatMap(([value, series]) =>
      series.lines(name, `${this.#label}="${value}"`),
    );
    return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ""].join("\n");
  }
}
