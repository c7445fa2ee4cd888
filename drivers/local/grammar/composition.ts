import { type Call, Control, FINISHED } from "./control.ts";

/** Goes on as one of several controls would. */
export class Fork extends Control {
  readonly options: Control[] = [];
  override readonly silent = true;

  protected step(): readonly Control[] {
    return [];
  }

  protected override called(): readonly Call[] {
    return this.options.map((enter) => ({ enter, behind: FINISHED }));
  }
}

/** Enters another control, and goes on behind it. */
export class Sequel extends Control {
  readonly #enter: Control;
  readonly #behind: Control;
  override readonly silent = true;

  constructor(enter: Control, behind: Control) {
    super();
    this.#enter = enter;
    this.#behind = behind;
  }

  protected step(): readonly Control[] {
    return [];
  }

  protected override called(): readonly Call[] {
    return [{ enter: this.#enter, behind: this.#behind }];
  }
}
