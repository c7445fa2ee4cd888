/** One number of a histogram, as prom-client tells those of its own. */
interface HistogramValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

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

  values(name: string, labels: Readonly<Record<string, string>>): HistogramValue[] {
    let count = 0;
    const buckets = Array.from(this.#counts, (observed, index): HistogramValue => {
      count += observed;
      const le = this.#bounds[index] ?? "+Inf";
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
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

  /** As prom-client's `getMetricsAsJSON` tells its metrics. */
  json() {
    const { name, help } = this.#definition;
    const values = [...this.#series].flatMap(([value, series]) =>
      series.values(name, { [this.#label]: value }),
    );
    return { name, help, type: "histogram", aggregator: "sum", values };
  }

  /** In Prometheus' text format. */
  text(): string {
    const { name, help, type, values } = this.json();
    const lines = values.map(({ metricName, labels, value }) => {
      const told = Object.entries(labels).map(([label, of]) => `${label}="${of}"`);
      return `${metricName}{${told.join(",")}} ${value}`;
    });
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
  }
}
