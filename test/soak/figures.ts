/** One measured number and what it may be at most; null: told for information. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly most: number | null;
  readonly unit?: "ms" | "MB" | "%";
}

export const violated = ({ value, most }: Figure): boolean => most !== null && !(value <= most);

/** The largest, 0 where there is none. */
export const largest = (values: readonly number[]): number => Math.max(0, ...values);

/** The value that a share of all values does not exceed (nearest rank); 0 where there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** Markdown: a row a figure. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { what, value, most, unit = "" } = figure;
    const shown = (number: number) => `${rounded(number)} ${unit}`.trim();
    const verdict = most === null ? "" : violated(figure) ? "**violated**" : "held";
    return `| ${what} | ${shown(value)} | ${most === null ? "" : shown(most)} | ${verdict} |`;
  });
  return ["| figure | measured | at most | |", "| --- | ---: | ---: | --- |", ...rows].join("\n");
}

const rounded = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));
