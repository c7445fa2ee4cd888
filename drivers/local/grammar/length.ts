/** Whether a value as JSON has more than so many characters, as far as its strings, keys and items say: found without writing it. */
export function longerThan(most: number, value: unknown): boolean {
  let length = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && length <= most) {
    const next = open.pop();
    if (typeof next === "string") length += next.length;
    if (typeof next !== "object" || next === null) continue;
    if (Array.isArray(next)) {
      length += next.length;
      if (length <= most) for (const item of next) open.push(item);
      continue;
    }
    const keys = Object.keys(next);
    length += 3 * keys.length;
    if (length > most) break;
    for (const key of keys) {
      length += key.length;
      open.push(Object.getOwnPropertyDescriptor(next, key)?.value);
    }
  }
  return length > most;
}
