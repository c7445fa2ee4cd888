import { Automaton } from "./automaton.ts";
import type { Budget } from "./budget.ts";
import { borders } from "./char-set.ts";
import { workOfState } from "./exploration.ts";

/** An automaton for a list of words; word i gets the label `labels[i]`. */
export function automatonOfWords(
  words: readonly string[],
  budget: Budget,
  labels?: readonly number[],
): Automaton {
  const alphabet = new Set<number>();
  const trie: { next: Map<number, number>; label: number }[] = [{ next: new Map(), label: 0 }];
  for (const [index, word] of words.entries()) {
    let node = 0;
    budget.spend(word.length);
    for (const character of word) {
      const char = character.codePointAt(0) ?? 0;
      alphabet.add(char);
      let next = trie[node]?.next.get(char);
      if (next === undefined) {
        next = trie.length;
        trie.push({ next: new Map(), label: 0 });
        trie[node]?.next.set(char, next);
      }
      node = next;
    }
    budget.expect(trie.length * workOfState(alphabet.size + 1));
    const end = trie[node];
    if (end !== undefined) end.label = labels?.[index] ?? 1;
  }
  return Automaton.explore<number>(
    {
      start: 0,
      borders: borders([...alphabet].map((char) => [[char, char]])),
      key: (node) => node,
      step: (node, char) => trie[node]?.next.get(char),
      label: (node) => trie[node]?.label ?? 0,
    },
    budget,
  );
}
