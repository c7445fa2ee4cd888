import { hashKey, newKey } from "../access/key-hash.ts";
import { OperatorError } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** Prints a new key, once, and what the config file says of it. */
export function printNewKey(name: string, { print }: Pick<Terminal, "print">): void {
  const key = newKey();
  print(`${key}\n\nGive it to its holder; it is shown only now. In the config file:\n\n${entry(name, key)}`);
}

/** Prints what the config file says of the key on standard input, so that it stays out of the shell's history. */
export async function printKeyHash({ input, print }: Pick<Terminal, "input" | "print">): Promise<void> {
  const key = (await input()).trim();
  if (!/^\S{16,}$/.test(key)) {
    throw new OperatorError(
      "give one key of at least 16 characters, without white space, on standard input",
      {
        exitStatus: 2,
      },
    );
  }
  print(`${hashKey(key)}\n`);
}

const entry = (name: string, key: string): string =>
  `api_keys:\n  - name: ${name}\n    key_hash: ${hashKey(key)}\n`;
