import { execFile, spawnSync } from "node:child_process";
import type { GpuFacts } from "../core/machine.ts";
import { type Numbered, visibleToCuda, visibleToRocm } from "./visible-gpus.ts";

/** Runs a program that lists GPUs; undefined where there is none, or it fails. */
export type Ask = (program: string, args: readonly string[]) => string | undefined;
type AskLater = (...asked: Parameters<Ask>) => Promise<ReturnType<Ask>>;
type Env = Readonly<Record<string, string | undefined>>;

/** Milliseconds that a driver's tool has. */
const PATIENCE_MS = 5000;

export const askProgram: Ask = (program, args) => {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: PATIENCE_MS });
  return status === 0 ? stdout : undefined;
};

const askProgramLater: AskLater = (program, args) =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: PATIENCE_MS }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });

/**
 * The GPUs that the drivers' own tools list, nvidia-smi and rocm-smi, as far as programs that are started from here may see
 * them (`CUDA_VISIBLE_DEVICES` and its like).
 */
export function listGpus(ask: Ask = askProgram, env: Env = process.env): GpuFacts[] {
  const questions = listing(env);
  let step = questions.next();
  while (!step.done) step = questions.next(ask(...step.value));
  return step.value;
}

/** The same, without keeping the process from anything else meanwhile. */
export async function listGpusLater(
  ask: AskLater = askProgramLater,
  env: Env = process.env,
): Promise<GpuFacts[]> {
  const questions = listing(env);
  let step = questions.next();
  while (!step.done) step = questions.next(await ask(...step.value));
  return step.value;
}

type Listed = GpuFacts & Numbered;
const NVIDIA_FIELDS = "uuid,name,memory.total,memory.free";

/** Asks for what programs print, and gives what follows from it. */
function* listing(env: Env): Generator<Parameters<Ask>, GpuFacts[], string | undefined> {
  const nvidiaSmi = (fields: string): Parameters<Ask> => [
    "nvidia-smi",
    [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"],
  ];
  // Drivers before 470 do not know the last field, and refuse the whole question.
  const nvidia = (yield nvidiaSmi(`${NVIDIA_FIELDS},compute_cap`)) ?? (yield nvidiaSmi(NVIDIA_FIELDS));
  const amd = yield ["rocm-smi", ["--showproductname", "--showuniqueid", "--showmeminfo", "vram", "--json"]];
  return [...visibleToCuda(nvidiaGpus(nvidia ?? ""), env), ...visibleToRocm(amdGpus(amd ?? ""), env)].map(
    ({ uuid: _, ...gpu }) => gpu,
  );
}

const MEBIBYTE = 1 << 20;

/** `GPU-5f3a…, NVIDIA A10, 23028, 22500, 8.6` on each line; the last part may be missing. */
function nvidiaGpus(text: string): Listed[] {
  return text.split("\n").flatMap((line) => {
    const [uuid, name = "", total, free, capability] = line.split(",").map((part) => part.trim());
    const memory = Number(total) * MEBIBYTE;
    if (name === "" || !Number.isFinite(memory)) return [];
    return [
      {
        vendor: "nvidia" as const,
        uuid,
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

/** An object of cards, each with its product's name, its id and bytes of VRAM. */
function amdGpus(text: string): Listed[] {
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
    // `0x…` here is `GPU-…` in ROCR_VISIBLE_DEVICES.
    const id = /^0x([0-9a-f]+)$/i.exec(String(fields.get("Unique ID") ?? ""))?.[1];
    const uuid = id === undefined ? undefined : `GPU-${id}`;
    return [
      { vendor: "amd" as const, uuid, name, memory, freeMemory: memory - used, computeCapability: null },
    ];
  });
}
