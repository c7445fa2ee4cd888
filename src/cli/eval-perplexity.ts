import { resolve } from "node:path";
import type { Driver } from "../core/driver.ts";
import type { LoadedConfig } from "./config-source.ts";
import { withGateway } from "./eval-gateway.ts";
import { measurePerplexity, type Perplexity, readScoredTexts } from "./perplexity.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";

export interface PerplexityFlags {
  readonly model: readonly string[];
  readonly text: string;
}

/**
 * Measures how well models of a config predict a text, through the API of a gateway that is started for it and listens
 * to this machine only; prints a line a model, with the ratio to the first one.
 */
export async function evalPerplexity(
  loaded: LoadedConfig,
  { model: names, text }: PerplexityFlags,
  parts: { terminal: Terminal; drivers: readonly Driver[] },
): Promise<void> {
  const { note, columns, cwd } = parts.terminal;
  const texts = await readScoredTexts(resolve(cwd, text));
  const measured = await withGateway(loaded, parts, async (base) => {
    const found: Perplexity[] = [];
    for (const name of names) {
      const task = `scoring with ${name}`;
      const progress = showProgress(task, { note, columns, monotonic: () => performance.now(), after });
      let done = 0;
      try {
        const one = await measurePerplexity({ base }, name, texts, () => {
          done += 1;
          progress.update({ task, fraction: done / texts.length });
        });
        found.push(one);
      } finally {
        progress.end();
      }
    }
    return found;
  });
  parts.terminal.print(table(measured));
}

function table(measured: readonly Perplexity[]): string {
  const [first] = measured;
  const rows = measured.map(({ model, tokens, perplexity }) => [
    model,
    String(tokens),
    perplexity.toFixed(4),
    (perplexity / (first?.perplexity ?? Number.NaN)).toFixed(4),
  ]);
  const all = [["model", "tokens", "perplexity", "ratio"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  return `${all.map((row) => line(row).join("  ")).join("\n")}\n`;
}
