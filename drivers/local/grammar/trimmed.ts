/** An automaton as it was explored: all states that can be reached. */
export interface Explored {
  /** Ranges of characters, which is how long a row of the table is. */
  readonly width: number;
  /** A row for each state: the state behind each range, -1 for none. */
  readonly table: readonly number[];
  /** 0 where no word ends. */
  readonly labels: readonly number[];
  /** For each state, those that lead to it. */
  readonly before: readonly (readonly number[])[];
}

/** Table and labels without the states from which no word can be completed; empty where the first is one of them. */
export function trimmed({ width, table, labels, before }: Explored): { rows: Int32Array; kept: Int32Array } {
  const alive = new Uint8Array(labels.length);
  const reached = labels.flatMap((label, state) => (label > 0 ? [state] : []));
  for (const state of reached) alive[state] = 1;
  for (let state = reached.pop(); state !== undefined; state = reached.pop()) {
    for (const earlier of before[state] ?? []) {
      if (alive[earlier] === 1) continue;
      alive[earlier] = 1;
      reached.push(earlier);
    }
  }
  const renumbered = new Int32Array(labels.length).fill(-1);
  let size = 0;
  if (alive[0] === 1) for (const state of labels.keys()) if (alive[state] === 1) renumbered[state] = size++;
  const rows = new Int32Array(size * width);
  const kept = new Int32Array(size);
  for (const [state, label] of labels.entries()) {
    const row = renumbered[state] ?? -1;
    if (row < 0) continue;
    kept[row] = label;
    for (let at = 0; at < width; at += 1) {
      const next = table[state * width + at] ?? -1;
      rows[row * width + at] = next < 0 ? -1 : (renumbered[next] ?? -1);
    }
  }
  return { rows, kept };
}
