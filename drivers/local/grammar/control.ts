import { Kept } from "./kept.ts";

let controls = 0;

/** What bytes lead to, by the control; 2 KB each. */
const tables = new Kept<(readonly Control[] | undefined)[]>(16_000);

/** Another control that is entered, and which one goes on when that is finished. */
export interface Call {
  readonly enter: Control;
  readonly behind: Control;
}

const NONE: readonly never[] = [];

/**
 * A state of the pushdown automaton that a constraint is compiled into. What a control does depends on nothing but
 * itself, so that what is known of it can be kept; what is below it on the stack decides where it goes on when it has
 * finished. From every control a text can be completed.
 */
export abstract class Control {
  readonly id = controls++;
  #calls: readonly Call[] | undefined;
  /** Whether it may finish here; above 0, and says what has been found. */
  readonly finished: number = 0;

  /** What a byte leads to, in the same frame of the stack. */
  next(byte: number): readonly Control[] {
    const table = tables.get(this.id, () => new Array<readonly Control[] | undefined>(256));
    let found = table[byte];
    if (found === undefined) {
      found = this.step(byte);
      table[byte] = found;
    }
    return found;
  }

  /** Others that may be entered here without a byte. */
  get calls(): readonly Call[] {
    this.#calls ??= this.called();
    return this.#calls;
  }

  /** No byte can ever follow in its own frame. */
  readonly silent: boolean = false;

  /** One that the same tokens can follow, but for some that none need be, and that remembers less of what was written. */
  get unremembered(): Control {
    return this;
  }

  /** One that more tokens can follow, and which most ways to go on meet again: what differs is quicker found than all. */
  get wider(): Control | undefined {
    return undefined;
  }

  /** As the control that goes on behind a call: where it goes on, by the control that the call has finished in. */
  after(_finished: Control): Control {
    return this;
  }

  protected abstract step(byte: number): readonly Control[];

  protected called(): readonly Call[] {
    return NONE;
  }
}

/** Finished, and nothing else: behind a closing quote or bracket. */
export class Finished extends Control {
  override readonly finished: number;
  override readonly silent = true;

  constructor(finished: number) {
    super();
    this.finished = finished;
  }

  protected step(): readonly Control[] {
    return NONE;
  }
}

export const FINISHED = new Finished(1);
