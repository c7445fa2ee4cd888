import type { Automaton } from "./automaton.ts";
import { Control } from "./control.ts";
import { Kept } from "./kept.ts";
import { NO_PART, type TextControl, TextLanguage } from "./text-control.ts";

/** A set of kinds of keys, as bits: bit i is the kind with label i + 1. */
export type Kinds = bigint;

export const bit = (kind: number): Kinds => 1n << BigInt(kind);

/** How many kinds a set has. */
export function countOf(kinds: Kinds): number {
  let count = 0;
  for (let rest = kinds; rest > 0n; rest &= rest - 1n) count += 1;
  return count;
}

/**
 * The keys of an object, of which only some kinds may follow at a time. What can be spelled from a state on decides which
 * of the allowed kinds still matter there: objects that differ only in the others share their controls.
 */
export class KeyLanguage extends TextLanguage {
  readonly #reach: readonly Kinds[];
  readonly #allowed: Kinds | undefined;
  readonly #all: KeyLanguage;
  readonly #restricted = new Kept<KeyLanguage>(1000);
  readonly opening: Control;

  constructor(automaton: Automaton, all?: KeyLanguage, allowed?: Kinds) {
    super(automaton, "json");
    this.#all = all ?? this;
    this.#allowed = allowed;
    this.#reach = all === undefined ? reachable(automaton) : all.#reach;
    this.opening = new Opening(this, all);
  }

  /** All kinds that there are keys of. */
  get kinds(): Kinds {
    return this.#reach[0] ?? 0n;
  }

  /** Only keys of these kinds. */
  only(kinds: Kinds): KeyLanguage {
    return this.#only(kinds, 0);
  }

  #only(kinds: Kinds, state: number): KeyLanguage {
    const reached = this.#reach[state] ?? 0n;
    const relevant = kinds & reached;
    if (relevant === reached) return this.#all;
    return this.#all.#restricted.get(
      relevant.toString(36),
      () => new KeyLanguage(this.automaton, this.#all, relevant),
    );
  }

  protected override reached(state: number): TextControl {
    const language = this.#allowed === undefined ? this : this.#only(this.#allowed, state);
    return language.at(state, NO_PART);
  }

  override wider(control: TextControl): Control | undefined {
    return this.#all === this ? super.wider(control) : this.#all.at(control.state, control.part);
  }

  override keeps(state: number): boolean {
    return this.#allowed === undefined || (this.#allowed & (this.#reach[state] ?? 0n)) !== 0n;
  }

  override label(state: number): number {
    const label = this.automaton.label(state);
    return label === 0 || this.#allowed === undefined || (this.#allowed & bit(label - 1)) !== 0n ? label : 0;
  }
}

/** The quote that begins a key. */
class Opening extends Control {
  readonly #language: KeyLanguage;
  readonly #all: KeyLanguage | undefined;

  constructor(language: KeyLanguage, all: KeyLanguage | undefined) {
    super();
    this.#language = language;
    this.#all = all;
  }

  override get wider(): Control | undefined {
    return this.#all?.opening;
  }

  protected step(byte: number): readonly Control[] {
    return byte === 0x22 ? [this.#language.start] : [];
  }
}

/** For each state, of which kinds words can be completed from there. */
function reachable(automaton: Automaton): Kinds[] {
  const reach = Array.from({ length: automaton.size }, (_, state) => {
    const label = automaton.label(state);
    return label > 0 ? bit(label - 1) : 0n;
  });
  const before: number[][] = reach.map(() => []);
  for (const state of reach.keys()) {
    for (const { state: next } of automaton.reached(state, 0, 0x10ffff)) before[next]?.push(state);
  }
  const changed = [...reach.keys()];
  for (let state = changed.pop(); state !== undefined; state = changed.pop()) {
    for (const earlier of before[state] ?? []) {
      const more = (reach[earlier] ?? 0n) | (reach[state] ?? 0n);
      if (more === reach[earlier]) continue;
      reach[earlier] = more;
      changed.push(earlier);
    }
  }
  return reach;
}
