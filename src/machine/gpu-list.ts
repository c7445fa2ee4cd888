import { spawnSync } from "node:child_process";
import type { GpuFacts } from "../core/machine.ts";

/** Runs a program that lists GPUs; undefined where there is none, or it fails. */
export type Ask = (program: string, args: readonly string[]) => string | undefined;

/** Milliseconds that a driver's tool has. */
const PATIENCE_MS = 5000;

export const askProgram: Ask = (program, args) => {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: PATIENCE_MS });
  return status === 0 ? stdout : undefined;
};

const MEBIBYTE = 1 << 20;

/** The GPUs that the drivers' own tools list: nvidia-smi, rocm-smi. */
export function listGpus(ask: Ask = askProgram): GpuFacts[] {
  const nvidia = ask("nvidia-smi", [
    "--query-gpu=name,memory.total,memory.free,compute_cap",
    "--format=csv,noheader,nounits",
  ]);
  const amd = ask("rocm-smi", ["--showproductname", "--showmeminfo", "vram", "--json"]);
  return [...(nvidia === undefined ? [] : nvidiaGpus(nvidia)), ...(amd === undefined ? [] : amdGpus(amd))];
}

/** `NVIDIA A10, 23028, 22500, 8.6` on each line. */
export function nvidiaGpus(text: string): GpuFacts[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", total, free, capability] = line.split(",").map((part) => part.trim());
    const memory = Number(total) * MEBIBYTE;
    if (name === "" || !Number.isFinite(memory)) return [];
    return [
      {
        vendor: "nvidia" as const,
        name,
        memory,
        freeMemory: numberOr(free, Number(total)) * MEBIBYTE,
        computeCapability: numberOr(capability, null),
      },
    ];
  });
}

function numberOr<Other>(text: string | undefined, other: Other): number | Other {
  const value = Number(text);
  return text !== undefined && text !== "" && Number.isFinite(value) ? value : other;
}

/** An object of cards, each with its product's name and bytes of VRAM. */
export function amdGpus(text: string): GpuFacts[] {
  let cards: unknown;
  try {
    cards = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof cards !== "object" || cards === null) return [];
  return Object.values(cards).flatMap((card: unknown) => {
    const fields = new Map<string, unknown>(
      Object.entries(typeof card === "object" && card !== null ? card : {}),
    );
    const memory = Number(fields.get("VRAM Total Memory (B)"));
    if (!Number.isFinite(memory) || memory <= 0) return [];
    const used = Number(fields.get("VRAM Total Used Memory (B)") ?? 0);
    const name = String(fields.get("Card Series") ?? fields.get("Card series") ?? "AMD GPU");
    return [{ vendor: "amd" as const, name, memory, freeMemory: memory - used, computeCapability: null }];
  });
}
