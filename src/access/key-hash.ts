import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Bytes of chance in a key: no hash of one can be turned back by trying. */
const KEY_BYTES = 32;
/** As OpenAI's keys begin, so that scanners for leaked secrets know it. */
const KEY_PREFIX = "sk-dolly-";

/** `sha256:` and 64 hexadecimal digits: what is kept of a key. */
export const KEY_HASH = /^sha256:[0-9a-f]{64}$/;

export const newKey = (): string => KEY_PREFIX + randomBytes(KEY_BYTES).toString("base64url");

export const hashKey = (key: string): string => `sha256:${sha256(key).toString("hex")}`;

/** Whether a key has one of these hashes; takes the same time whichever it is, and when it is none. */
export function hasHash(key: string, hashes: readonly string[]): boolean {
  const shown = Buffer.from(hashKey(key));
  let found = false;
  for (const hash of hashes) found = timingSafeEqual(shown, Buffer.from(hash)) || found;
  return found;
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
