import type { Finding } from "../core/finding.ts";
import { gigabytes } from "../core/gigabytes.ts";
import type { MachineFacts } from "../core/machine.ts";
import type { Ask } from "../machine/gpu-list.ts";
import type { FindInSystem } from "../machine/system-libraries.ts";

export interface MachineSources {
  readonly machine: MachineFacts;
  readonly nodeVersion: string;
  readonly ask: Ask;
  /** Text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  readonly system: FindInSystem;
}

/** Oldest Node, as package.json says. */
const LEAST_NODE = [22, 19];

/** What the machine itself has. */
export function machineFindings(sources: MachineSources): Finding[] {
  const { machine, nodeVersion, ask, read } = sources;
  const findings = [nodeFinding(nodeVersion), processorFinding(machine, read), memoryFinding(machine)];
  return [...findings, ...gpuFindings(sources), dockerFinding(ask)];
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [least = 0, leastMinor = 0] = LEAST_NODE;
  const old = major < least || (major === least && minor < leastMinor);
  return old
    ? {
        what: "Node",
        state: "problem",
        detail: `${version}; ${LEAST_NODE.join(".")} or newer is needed`,
        mend: "install Node 24, or let `npm ci` bring it (Linux x64)",
      }
    : { what: "Node", state: "ok", detail: version };
}

function processorFinding({ cores, platform, arch }: MachineFacts, read: MachineSources["read"]): Finding {
  const info = read("/proc/cpuinfo");
  const name = /^model name\s*:\s*(.*)$/m.exec(info ?? "")?.[1];
  const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(info ?? "")?.[1]?.split(" ") ?? []);
  const had = ["avx2", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile"].filter((flag) =>
    flags.has(flag),
  );
  const told = [`${cores} cores`, `${platform} ${arch}`, name, had.join(" ")]
    .filter((part) => part)
    .join(", ");
  if (info !== undefined && arch === "x64" && flags.size > 0 && !flags.has("avx2")) {
    return {
      what: "Processor",
      state: "warning",
      detail: `${told}: without AVX2 a model is several times slower`,
    };
  }
  return { what: "Processor", state: "ok", detail: told };
}

const memoryFinding = ({ memory, availableMemory }: MachineFacts): Finding => ({
  what: "Memory",
  state: availableMemory < 0.5e9 ? "warning" : "ok",
  detail: `${gigabytes(memory)}, ${gigabytes(availableMemory)} available`,
});

function gpuFindings({ machine, system }: MachineSources): Finding[] {
  const { gpus, platform } = machine;
  if (gpus.length === 0) {
    return [{ what: "GPU", state: "note", detail: "none that nvidia-smi or rocm-smi lists" }];
  }
  const listed = gpus.map(
    ({ name, memory, freeMemory }): Finding => ({
      what: "GPU",
      state: "ok",
      detail: `${name}, ${gigabytes(memory)}, ${gigabytes(freeMemory)} free`,
    }),
  );
  const nvidia = gpus.some(({ vendor }) => vendor === "nvidia");
  return nvidia && platform === "linux" ? [...listed, driverFinding(system)] : listed;
}

/** What nvidia-smi lists can be computed with once a process can open the driver's own library. */
function driverFinding(system: FindInSystem): Finding {
  const library = system("libcuda.so.1");
  return library === undefined
    ? {
        what: "NVIDIA driver",
        state: "problem",
        detail: "the loader finds no libcuda.so.1",
        mend: "install NVIDIA's driver, release 580 or newer (in a container: the NVIDIA Container Toolkit, and --gpus all)",
      }
    : { what: "NVIDIA driver", state: "ok", detail: library };
}

function dockerFinding(ask: Ask): Finding {
  const version = ask("docker", ["version", "--format", "{{.Server.Version}}"])?.trim();
  return version
    ? { what: "Docker", state: "ok", detail: version }
    : { what: "Docker", state: "note", detail: "no daemon answers; only the images need it" };
}
