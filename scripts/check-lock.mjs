// Fails on a lock file that npm 11 and later refuse (an optional package that is asked for and not listed), or that
// names download addresses, which differ from machine to machine.
import { readFileSync } from "node:fs";

const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
const problems = [];

/** Whether the lock file lists `name` where a package at `folder` would look for it. */
function isListed(folder, name) {
  for (let at = folder; ; at = at.slice(0, Math.max(at.lastIndexOf("node_modules/") - 1, 0))) {
    if (`${at === "" ? "" : `${at}/`}node_modules/${name}` in packages) return true;
    if (at === "") return false;
  }
}

for (const [folder, entry] of Object.entries(packages)) {
  if ("resolved" in entry) problems.push(`${folder}: names a download address`);
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isListed(folder, name))
      problems.push(`${folder || "the project"}: optional package ${name} is not listed`);
  }
}

for (const problem of problems) console.error(`package-lock.json: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
