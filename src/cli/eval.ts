import { resolve } from "node:path";
import { defaultCacheFolder } from "../config/cache-folder.ts";
import type { Driver } from "../core/driver.ts";
import { createGateway } from "../gateway.ts";
import { createLog } from "../telemetry/log.ts";
import type { LoadedConfig } from "./config-source.ts";
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
  { config, folder }: LoadedConfig,
  { model: names, text }: PerplexityFlags,
  { terminal, drivers }: { terminal: Terminal; drivers: readonly Driver[] },
): Promise<void> {
  const { env, platform, home, note, columns, cwd } = terminal;
  const texts = await readScoredTexts(resolve(cwd, text));
  const monotonic = () => performance.now();
  const display = (task: string) => showProgress(task, { note, columns, monotonic, after });
  const gateway = await createGateway({
    config: { ...config, host: "127.0.0.1", port: 0 },
    drivers,
    folder,
    cacheDir: config.cache_dir ? resolve(folder, config.cache_dir) : defaultCacheFolder(platform, env, home),
    log: createLog("warn"),
    showLoad: ({ name }) => display(`loading ${name}`),
    after,
  });
  try {
    const base = await gateway.listen();
    const measured: Perplexity[] = [];
    for (const name of names) {
      const task = `scoring with ${name}`;
      const progress = display(task);
      let done = 0;
      try {
        const one = await measurePerplexity({ base }, name, texts, () => {
          done += 1;
          progress.update({ task, fraction: done / texts.length });
        });
        measured.push(one);
      } finally {
        progress.end();
      }
    }
    terminal.print(table(measured));
  } finally {
    await gateway.close();
  }
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
