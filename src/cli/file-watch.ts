import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** Milliseconds between two looks at the file. */
const LOOK_MS = 1000;
/** Milliseconds for which it must stay as it is before it is taken: an editor may still be writing. */
const SETTLE_MS = 250;

/**
 * Calls back when the content of a file has changed and then stayed the same for a moment; returns what ends the watch.
 * It looks at what the path leads to, again and again: so it sees a write in place, another file moved over it, a link
 * that leads elsewhere (as Kubernetes changes a mounted ConfigMap), and changes on file systems that announce none. A
 * file that is away for a moment, as while an editor saves, is waited for.
 */
export function watchFile(
  path: string,
  onChange: () => void,
  { lookMs = LOOK_MS, settleMs = SETTLE_MS }: { lookMs?: number; settleMs?: number } = {},
): () => void {
  let known: string | undefined;
  let seen: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const look = async (): Promise<void> => {
    const now = await contentHash(path);
    if (ended) return;
    const changed = now !== undefined && now !== known;
    if (changed && now === seen) {
      known = now;
      onChange();
    }
    seen = now;
    plan(changed && known !== now ? settleMs : lookMs);
  };
  const plan = (ms: number): void => {
    timer = setTimeout(() => void look(), ms);
    timer.unref();
  };
  void contentHash(path).then((hash) => {
    known = hash;
    seen = hash;
    if (!ended) plan(lookMs);
  });
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/** Undefined where the file cannot be read. */
async function contentHash(path: string): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch {
    return undefined;
  }
}
