import { readFileSync } from "node:fs";
import type { Driver } from "../core/driver.ts";
import type { Finding } from "../core/finding.ts";
import { configFindings } from "../doctor/config-findings.ts";
import { folderFinding } from "../doctor/folder-findings.ts";
import { machineFindings } from "../doctor/machine-findings.ts";
import { packageFindings } from "../doctor/package-findings.ts";
import { OperatorError } from "../errors.ts";
import { hubOf } from "../hub/hub.ts";
import { askProgram } from "../machine/gpu-list.ts";
import { inThisSystem } from "../machine/system-libraries.ts";
import { thisMachine } from "../machine/this-machine.ts";
import { packagesOf } from "../native/packages.ts";
import { cacheFolder, namedCacheFolder } from "./cache-folder.ts";
import { configFromFile, type LoadedConfig } from "./config-source.ts";
import type { Terminal } from "./terminal.ts";

export interface DoctorFlags {
  readonly config?: string;
  readonly cacheDir?: string;
  readonly json?: boolean;
}

interface Parts {
  readonly terminal: Terminal;
  readonly drivers: readonly Driver[];
  readonly templates: readonly string[];
}

const MARKS: Readonly<Record<Finding["state"], string>> = {
  ok: "ok  ",
  note: "note",
  warning: "WARN",
  problem: "FAIL",
};

/** Looks at the machine and at what the config wants of it. Throws OperatorError where something will not work. */
export async function doctorCommand(flags: DoctorFlags, parts: Parts): Promise<void> {
  const { terminal, drivers } = parts;
  const { env, home } = terminal;
  const loaded = load(flags, parts);
  const cacheDir =
    "config" in loaded ? cacheFolder(loaded, terminal) : namedCacheFolder(flags.cacheDir, terminal);
  const machine = thisMachine(drivers, cacheDir)();
  const findings = machineFindings({
    machine,
    nodeVersion: process.version,
    ask: askProgram,
    read,
    system: inThisSystem(env),
  });
  for (const driver of drivers) findings.push(...driver.diagnose(machine, cacheDir));
  findings.push(...(await packageFindings(packagesOf(drivers), machine, cacheDir)));
  findings.push(await folderFinding("Cache of converted models", cacheDir));
  findings.push(await folderFinding("Cache of pulled models", hubOf(env, home).cache));
  if ("finding" in loaded) findings.push(loaded.finding);
  else {
    findings.push({ what: "Config", state: "ok", detail: loaded.source });
    for (const detail of loaded.warnings) findings.push({ what: "Config form", state: "warning", detail });
    findings.push(...(await configFindings(loaded.config, { folder: loaded.folder, drivers, machine })));
  }
  terminal.print(flags.json ? `${JSON.stringify(findings, null, 2)}\n` : findings.map(line).join(""));
  const problems = findings.filter(({ state }) => state === "problem").length;
  if (problems > 0) throw new OperatorError(`${problems} of what was looked at will not work`);
}

function load(
  { config, cacheDir }: DoctorFlags,
  { terminal: { env, cwd }, drivers, templates }: Parts,
): LoadedConfig | { finding: Finding } {
  try {
    const flags = {
      ...(config === undefined ? {} : { config }),
      ...(cacheDir === undefined ? {} : { cacheDir }),
    };
    return configFromFile(flags, { env, cwd, drivers, templates });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return {
      finding: { what: "Config", state: "problem", detail: error.message, mend: "dolly config check FILE" },
    };
  }
}

const line = ({ what, state, detail, mend }: Finding): string =>
  `${MARKS[state]}  ${what}: ${detail}\n${mend === undefined ? "" : `      -> ${mend}\n`}`;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
