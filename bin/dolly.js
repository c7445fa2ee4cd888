#!/usr/bin/env node
// Plain JavaScript without static imports: it must still parse on an old Node to tell the user so.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `dolly: Node ${process.versions.node} is too old; version 22.19 or later is required. ` +
      "On Linux x64, `npm ci` brings its own Node 24: use `npm start -- …` or `npx dolly …`.",
  );
  process.exit(1);
}
const { existsSync } = await import("node:fs");
const source = new URL("../src/main.ts", import.meta.url);
const built = new URL("../dist/src/main.js", import.meta.url);
// A checkout runs its sources; a published package has only dist (Node strips no types under node_modules).
await import((existsSync(source) ? source : built).href);
