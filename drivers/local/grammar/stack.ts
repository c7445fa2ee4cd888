import { type Control, FINISHED } from "./control.ts";
import { Kept } from "./kept.ts";

let frames = 0;
let states = 0;

/** A control on a stack; equal stacks are the same object. */
export interface Frame {
  readonly id: number;
  readonly control: Control;
  readonly below: Frame | undefined;
  /** The state of this stack alone, once it is known. */
  state: StackState | undefined;
}

const NOTHING_KNOWN: (StackState | null | undefined)[] = [];
Object.freeze(NOTHING_KNOWN);

/** All the ways in which a text so far can be read: a set of stacks. */
export class StackState {
  readonly id = states++;
  readonly #stacks: Stacks;
  /** Stacks that a byte may follow. */
  readonly frames: readonly Frame[];
  /** Controls that finished at the bottom of a stack: the text is complete. */
  readonly finished: readonly Control[];
  /** What is known of `next`, by the byte; forgotten with its age. */
  known: (StackState | null | undefined)[] = NOTHING_KNOWN;
  age = 0;

  constructor(stacks: Stacks, frames: readonly Frame[], finished: readonly Control[]) {
    this.#stacks = stacks;
    this.frames = frames;
    this.finished = finished;
  }

  /** null where the byte cannot follow. */
  next(byte: number): StackState | null {
    let next = this.known[byte];
    if (next === undefined) {
      if (this.known === NOTHING_KNOWN) this.known = this.#stacks.newTable();
      // It may be forgotten meanwhile, where the way leads back here.
      const { known } = this;
      next = this.#stacks.behind(this.frames, byte);
      known[byte] = next;
    }
    return next;
  }
}

/** Most ways to read a text that are followed at once; a grammar with more is too ambiguous. */
const MOST_FRAMES = 512;
/** Steps of single stacks for one mask; most masks take some hundreds. */
const MOST_STEPS = 100_000;
/** How much is remembered. */
export interface StackLimits {
  readonly frames: number;
  readonly states: number;
  /** States' tables that are made before all of them are forgotten; one is 2 KB. */
  readonly tables: number;
}

const LIMITS: StackLimits = { frames: 20_000, states: 10_000, tables: 16_000 };

/** The text can be read in too many ways. */
export class TooAmbiguous extends Error {
  override readonly name = "TooAmbiguous";
}

/** Makes stacks and sets of them, each of them once as long as it is remembered. */
export class Stacks {
  readonly #frames: Kept<Frame>;
  readonly #states: Kept<StackState>;
  readonly #mostTables: number;
  #tables = 0;
  #age = 0;
  #steps = 0;

  constructor({ frames, states, tables }: StackLimits = LIMITS) {
    this.#frames = new Kept(frames);
    this.#states = new Kept(states);
    this.#mostTables = tables;
  }

  /** Begins to count the steps for a mask. */
  startMask(): void {
    this.#steps = 0;
  }

  /** For what a state knows. States lead to each other without end: now and then all of them forget it. */
  newTable(): (StackState | null | undefined)[] {
    this.#tables += 1;
    if (this.#tables > this.#mostTables) {
      this.#tables = 0;
      this.#age += 1;
    }
    return new Array(256);
  }

  /** The state of a text that has not begun. */
  start(control: Control): StackState {
    return this.#closed(this.#frame(control, undefined));
  }

  /** A control by its own bytes: what it calls and what is below it is left out at the beginning. */
  alone(control: Control): StackState {
    return this.whole(this.#frame(control, undefined));
  }

  /** A stack by the bytes of its topmost control, and by all that goes on when that has finished. */
  whole(frame: Frame): StackState {
    return new StackState(this, [frame], []);
  }

  /** Throws TooAmbiguous. */
  behind(frames: readonly Frame[], byte: number): StackState | null {
    this.#steps += frames.length;
    if (this.#steps > MOST_STEPS) throw new TooAmbiguous("there are too many ways to go on");
    const [only] = frames;
    if (only !== undefined && frames.length === 1) {
      const [next, another] = only.control.next(byte);
      if (next === undefined) return null;
      if (another === undefined) return this.#closed(this.#frame(next, only.below));
    }
    const state = this.#state((add) => {
      for (const { control, below } of frames) {
        for (const next of control.next(byte)) add(this.#frame(next, below));
      }
    });
    return state.frames.length === 0 && state.finished.length === 0 ? null : state;
  }

  /** Where the stack below a frame goes on once the frame has finished in `finished`. */
  resumed({ below }: Frame, finished: Control): StackState | null {
    if (below === undefined) return null;
    return this.#closed(this.#frame(below.control.after(finished), below.below));
  }

  #closed(frame: Frame): StackState {
    frame.state ??= this.#state((add) => add(frame));
    return this.#aged(frame.state);
  }

  #frame(control: Control, below: Frame | undefined): Frame {
    const key = below === undefined ? control.id : `${control.id} ${below.id}`;
    return this.#frames.get(key, () => ({ id: frames++, control, below, state: undefined }));
  }

  /** The set of what `fill` adds and of all that is reached from there without a byte. */
  #state(fill: (add: (frame: Frame) => void) => void): StackState {
    const seen = new Set<Frame>();
    const finished = new Set<Control>();
    fill((frame) => seen.add(frame));
    for (const frame of seen) {
      if (seen.size > MOST_FRAMES) throw new TooAmbiguous("the grammar is too ambiguous");
      const { control, below } = frame;
      for (const { enter, behind } of control.calls) {
        // A call that is the last thing to do leaves nothing on the stack, or recursion would never come back to a state.
        seen.add(this.#frame(enter, behind === FINISHED ? below : this.#frame(behind, below)));
      }
      if (control.finished === 0) continue;
      if (below === undefined) finished.add(control);
      else seen.add(this.#frame(below.control.after(control), below.below));
    }
    const kept = [...seen].filter(({ control }) => !control.silent).sort((a, b) => a.id - b.id);
    const key = `${kept.map(({ id }) => id).join()}|${[...finished].map(({ id }) => id).join()}`;
    return this.#aged(this.#states.get(key, () => new StackState(this, kept, [...finished])));
  }

  #aged(state: StackState): StackState {
    if (state.age !== this.#age) {
      state.age = this.#age;
      state.known = NOTHING_KNOWN;
    }
    return state;
  }
}
