import { homedir } from "node:os";
import { text } from "node:stream/consumers";
import { drivers } from "../drivers/index.ts";
import { lineAsker } from "./cli/line-asker.ts";
import { run } from "./cli/program.ts";
import type { Terminal } from "./cli/terminal.ts";
import { templates } from "./templates/index.ts";

// A reader such as `head` that closes the pipe must not end the gateway.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const terminal: Terminal = {
  env: process.env,
  cwd: process.cwd(),
  platform: process.platform,
  home: homedir(),
  print: (text) => process.stdout.write(text),
  note: (text) => process.stderr.write(text),
  columns: process.stderr.isTTY ? process.stderr.columns : 0,
  onSignal(callback) {
    process.on("SIGINT", callback);
    process.on("SIGTERM", callback);
    return () => {
      process.off("SIGINT", callback);
      process.off("SIGTERM", callback);
    };
  },
  onHangup(callback) {
    process.on("SIGHUP", callback);
    return () => {
      process.off("SIGHUP", callback);
    };
  },
  input: () => text(process.stdin),
  interactive: process.stdin.isTTY && process.stdout.isTTY,
  ask: lineAsker(),
  exit: (status) => process.exit(status),
};

const status = await run(process.argv.slice(2), {
  terminal,
  drivers,
  templates: templates.map(({ name }) => name),
});
// Written output first: a pipe may still hold it.
process.stdout.write("", () => process.exit(status));
