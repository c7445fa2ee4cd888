import { Line, type Port } from "../../src/workers/line.ts";

/** Two ends of a line in one process; messages are copied, as between two, and arrive a little later. */
export function linePair(): [Line, Line] {
  const takers: ((message: unknown) => void)[][] = [[], []];
  const port = (own: number, other: number): Port => ({
    send(message) {
      const copy: unknown = structuredClone(message);
      queueMicrotask(() => {
        for (const take of takers[other] ?? []) take(copy);
      });
    },
    onMessage: (callback) => takers[own]?.push(callback),
  });
  return [new Line(port(0, 1)), new Line(port(1, 0))];
}
