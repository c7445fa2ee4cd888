import { createInterface } from "node:readline";
import type { Terminal } from "./terminal.ts";

/** Most lines that the arrow keys bring back. */
const HISTORY = 500;

/** Asks for lines at the process's terminal, which is only held while a line is typed: signals reach the process otherwise. */
export function lineAsker(): Terminal["ask"] {
  let history: string[] = [];
  return (prompt) =>
    new Promise((resolve) => {
      const lines = createInterface({
        input: process.stdin,
        output: process.stdout,
        history: [...history],
        historySize: HISTORY,
        removeHistoryDuplicates: true,
      });
      let told: Awaited<ReturnType<Terminal["ask"]>> = "end";
      lines.on("history", (now: string[]) => {
        history = now;
      });
      lines.on("SIGINT", () => {
        process.stdout.write("\n");
        told = "interrupt";
        lines.close();
      });
      lines.on("close", () => resolve(told));
      lines.question(prompt, (text) => {
        told = { text };
        lines.close();
      });
    });
}
