/** Bytes a second that the memory of a GPU gives, from its maker's data sheet. The first name that fits counts. */
const GPUS: readonly (readonly [name: RegExp, bytesPerSecond: number])[] = [
  [/\bH200\b/i, 4.8e12],
  [/\bH100\b.*\bPCIe\b/i, 2.0e12],
  [/\bH100\b/i, 3.35e12],
  [/\bA100\b.*\b80/i, 2.039e12],
  [/\bA100\b/i, 1.555e12],
  [/\bL40S?\b/i, 864e9],
  [/\bL4\b/i, 300e9],
  [/\bA10G?\b/i, 600e9],
  [/\bV100\b/i, 900e9],
  [/\bT4\b/i, 320e9],
  [/\bRTX 4090\b/i, 1.008e12],
  [/\bRTX 3090\b/i, 936e9],
];

/** Null for a GPU that is not known. */
export const gpuBandwidth = (name: string): number | null =>
  GPUS.find(([pattern]) => pattern.test(name))?.[1] ?? null;

const MEASURED_BYTES = 256 << 20;
const ROUNDS = 3;

/** Bytes a second that one core reads from main memory: the best of a few rounds over more than its caches hold. */
export function measureMainMemory(clock: () => number = () => performance.now()): number {
  const words = new Float64Array(MEASURED_BYTES / 8).fill(1);
  let best = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = clock();
    // One word of each cache line brings in the line.
    for (let at = 0; at < words.length; at += 8) sum += words[at] ?? 0;
    best = Math.min(best, clock() - began);
  }
  return sum > 0 ? MEASURED_BYTES / (best / 1000) : 0;
}
