import type { Explored } from "./exploration.ts";

/** Without the states from which no word can be completed; empty where the first is one of them. */
export function trimmed({ width, table, labels }: Explored): Pick<Explored, "table" | "labels"> {
  const alive = aliveStates({ width, table, labels });
  const renumbered = new Int32Array(labels.length).fill(-1);
  let size = 0;
  if (alive[0] === 1) for (const state of labels.keys()) if (alive[state] === 1) renumbered[state] = size++;
  if (size === labels.length) return { table: table.slice(), labels };
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
  return { table: rows, labels: kept };
}

/** 1 for each state from which a word can be completed. */
function aliveStates({ width, table, labels }: Explored): Uint8Array {
  const { from, sources } = edgesInto({ width, table, labels });
  const alive = new Uint8Array(labels.length);
  const reached: number[] = [];
  for (const [state, label] of labels.entries()) {
    if (label === 0) continue;
    alive[state] = 1;
    reached.push(state);
  }
  for (let state = reached.pop(); state !== undefined; state = reached.pop()) {
    for (let at = from[state] ?? 0; at < (from[state + 1] ?? 0); at += 1) {
      const earlier = sources[at] ?? 0;
      if (alive[earlier] === 1) continue;
      alive[earlier] = 1;
      reached.push(earlier);
    }
  }
  return alive;
}

/** The states that lead to each: those that lead to state i are `sources` from `from[i]` to before `from[i + 1]`. */
function edgesInto({ width, table, labels }: Explored): { from: Int32Array; sources: Int32Array } {
  const from = new Int32Array(labels.length + 1);
  for (const next of table) if (next >= 0) from[next] = (from[next] ?? 0) + 1;
  let sum = 0;
  for (let state = 0; state <= labels.length; state += 1) {
    sum += from[state] ?? 0;
    from[state] = sum;
  }
  const sources = new Int32Array(sum);
  for (let at = table.length - 1; at >= 0; at -= 1) {
    const next = table[at] ?? -1;
    if (next < 0) continue;
    const place = (from[next] ?? 0) - 1;
    from[next] = place;
    sources[place] = Math.floor(at / width);
  }
  return { from, sources };
}
