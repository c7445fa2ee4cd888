import type { Figures } from "./measurements.ts";
import { type Spread, spread } from "./statistics.ts";

/** What was measured of one server: its figures of each round, in order. */
export interface ServerRounds {
  readonly name: string;
  readonly rounds: readonly Figures[];
}

/** Markdown: a row a figure; for each peer its own value and the ratio of the first server's to it. */
export function comparison([ours, ...peers]: readonly ServerRounds[]): string {
  if (ours === undefined) throw new RangeError("no server was measured");
  const head = ["", ours.name, ...peers.flatMap(({ name }) => [name, `${ours.name} / ${name}`])];
  const names = new Set([ours, ...peers].flatMap(({ rounds }) => rounds.flatMap(Object.keys)));
  const rows = [...names].map((name) => [
    name,
    shown(valuesOf(ours, name)),
    ...peers.flatMap((peer) => [shown(valuesOf(peer, name)), ratioText(ratios(ours, peer, name))]),
  ]);
  return [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

export const valuesOf = ({ rounds }: ServerRounds, name: string): number[] =>
  rounds.map((figures) => figures[name]).filter((value) => value !== undefined);

/** Of each round that measured both, so that what slowed a whole round down counts for neither. */
const ratios = (ours: ServerRounds, peer: ServerRounds, name: string): number[] =>
  ours.rounds.flatMap((figures, round) => {
    const [mine, theirs] = [figures[name], peer.rounds[round]?.[name]];
    return mine === undefined || theirs === undefined ? [] : [mine / theirs];
  });

const shown = (values: readonly number[]): string =>
  values.length === 0 ? "" : spreadText(spread(values), rounded);

const ratioText = (values: readonly number[]): string =>
  values.length === 0 ? "" : spreadText(spread(values), (value) => value.toFixed(2));

const spreadText = ({ median, least, most }: Spread, text: (value: number) => string): string =>
  least === most ? text(median) : `${text(median)} (${text(least)}–${text(most)})`;

/** Three digits that mean something, without an exponent. */
const rounded = (value: number): string =>
  value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();

/** How far texts agree that should be the same: characters, over all answers. */
export function agreement(texts: readonly string[], others: readonly string[]): string {
  const agreed = texts.map((text, index) => commonLength(text, others[index] ?? ""));
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  const whole = texts.filter((text, index) => text === others[index]).length;
  return `${whole} of ${texts.length} answers equal, ${agreed.reduce((sum, count) => sum + count, 0)} of ${total} characters before the first difference`;
}

function commonLength(left: string, right: string): number {
  const limit = Math.min(left.length, right.length);
  for (let at = 0; at < limit; at += 1) if (left[at] !== right[at]) return at;
  return limit;
}
