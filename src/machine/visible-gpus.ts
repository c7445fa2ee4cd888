/** A GPU as its driver's tool numbers and names it. */
export interface Numbered {
  /** `GPU-…`; undefined where the tool does not say. */
  readonly uuid: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Those that CUDA programs started from here see: `CUDA_VISIBLE_DEVICES`. */
export const visibleToCuda = <Gpu extends Numbered>(gpus: readonly Gpu[], env: Env): Gpu[] =>
  chosen(gpus, env["CUDA_VISIBLE_DEVICES"]);

/** Those that ROCm programs see: first `ROCR_VISIBLE_DEVICES` chooses, then `HIP_VISIBLE_DEVICES` among what it left. */
export const visibleToRocm = <Gpu extends Numbered>(gpus: readonly Gpu[], env: Env): Gpu[] =>
  chosen(
    chosen(gpus, env["ROCR_VISIBLE_DEVICES"]),
    // HIP takes CUDA's variable where its own is not set.
    env["HIP_VISIBLE_DEVICES"] ?? env["CUDA_VISIBLE_DEVICES"],
  );

/**
 * The GPUs of a list of numbers and beginnings of UUIDs, in its order. As the drivers do it: no list is all, an empty one none, and
 * what stands behind an entry that is no GPU does not count (CUDA C++ Programming Guide, "CUDA Environment Variables").
 */
function chosen<Gpu extends Numbered>(gpus: readonly Gpu[], list: string | undefined): Gpu[] {
  if (list === undefined) return [...gpus];
  const found: Gpu[] = [];
  for (const entry of list.split(",").map((part) => part.trim())) {
    const gpu = named(gpus, entry);
    if (gpu === undefined) break;
    // A GPU that is named twice makes the whole list wrong.
    if (found.includes(gpu)) return [];
    found.push(gpu);
  }
  return found;
}

function named<Gpu extends Numbered>(gpus: readonly Gpu[], entry: string): Gpu | undefined {
  if (/^\d+$/.test(entry)) return gpus[Number(entry)];
  if (!/^GPU-./i.test(entry)) return undefined;
  const wanted = entry.toLowerCase();
  const matching = gpus.filter(({ uuid }) => uuid?.toLowerCase().startsWith(wanted));
  return matching.length === 1 ? matching[0] : undefined;
}
