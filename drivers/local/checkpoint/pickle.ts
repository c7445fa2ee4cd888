/** A class or function that a pickle names; never resolved, only compared. */
export class PickleGlobal {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

/** What a restricted pickle may hold. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleGlobal
  | PickleValue[]
  | PickleDict
  | PickleReference
  | PickleCall;

/** A dict or OrderedDict; only string keys are kept, for nothing else names a tensor. */
export class PickleDict {
  readonly entries = new Map<string, PickleValue>();
}

/** A persistent id: something stored outside the pickle. */
export class PickleReference {
  readonly id: PickleValue;
  constructor(id: PickleValue) {
    this.id = id;
  }
}

/** The call of an allowed function, not carried out. */
export class PickleCall {
  readonly callee: string;
  readonly args: readonly PickleValue[];
  constructor(callee: string, args: readonly PickleValue[]) {
    this.callee = callee;
    this.args = args;
  }
}

/** Why a pickle was refused. */
export class PickleRefused extends Error {
  override readonly name = "PickleRefused";
}

export interface PickleRules {
  /** Paths such as `torch.FloatStorage` that may be named. */
  readonly globals: ReadonlySet<string>;
  /** Paths of these that may be called with a tuple of arguments. */
  readonly callable: ReadonlySet<string>;
}

const ORDERED_DICT = "collections.OrderedDict";
const MARK = Symbol("mark");
type Slot = PickleValue | typeof MARK;

/**
 * Reads a pickle as data: nothing is imported, nothing is run. A global, an opcode or a call beyond the rules is refused
 * by its name. Memory is proportional to the pickle's length.
 */
export function readPickle(bytes: Uint8Array<ArrayBuffer>, rules: PickleRules): PickleValue {
  return new PickleMachine(bytes, rules).run();
}

class PickleMachine {
  readonly #view: DataView<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #rules: PickleRules;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#rules = rules;
  }

  run(): PickleValue {
    for (;;) {
      const at = this.#at;
      const opcode = this.#view.getUint8(this.#take(1));
      if (opcode === 0x2e) return this.#pop();
      if (!(this.#scalar(opcode) || this.#container(opcode) || this.#object(opcode))) {
        throw new PickleRefused(
          `opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${at} is not allowed`,
        );
      }
    }
  }

  /** Moves past `length` bytes and returns where they begin. */
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new PickleRefused("it ends early (truncated?)");
    this.#at = at + length;
    return at;
  }

  #text(length: number): string {
    const at = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleRefused("it ends early (truncated?)");
    const text = this.#text(end - this.#at);
    this.#take(1);
    return text;
  }

  #push(value: Slot): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw new PickleRefused("its stack does not add up");
    return value;
  }

  #popMarked(): PickleValue[] {
    const start = this.#stack.lastIndexOf(MARK);
    if (start < 0) throw new PickleRefused("its stack does not add up");
    const values = this.#stack.splice(start).filter((value) => value !== MARK);
    return values;
  }

  #scalar(opcode: number): boolean {
    const view = this.#view;
    switch (opcode) {
      case 0x80: // PROTO
        this.#take(1);
        return true;
      case 0x95: // FRAME
        this.#take(8);
        return true;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(view.getUint8(this.#take(1)));
      case 0x4d: // BININT2
        return this.#push(view.getUint16(this.#take(2), true));
      case 0x4a: // BININT
        return this.#push(view.getInt32(this.#take(4), true));
      case 0x8a: // LONG1
        return this.#push(this.#long(view.getUint8(this.#take(1))));
      case 0x47: // BINFLOAT
        return this.#push(view.getFloat64(this.#take(8), false));
      case 0x58: // BINUNICODE
        return this.#push(this.#text(view.getUint32(this.#take(4), true)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(view.getUint8(this.#take(1))));
      default:
        return false;
    }
  }

  /** A little-endian two's complement integer; one beyond what a double holds exactly is refused. */
  #long(length: number): number {
    if (length > 8) throw new PickleRefused(`an integer of ${length} bytes is not allowed`);
    const at = this.#take(length);
    let value = 0n;
    for (let index = 0; index < length; index++) {
      value |= BigInt(this.#bytes[at + index] ?? 0) << BigInt(8 * index);
    }
    const number = Number(BigInt.asIntN(8 * length, value));
    if (!Number.isSafeInteger(number)) throw new PickleRefused(`the integer ${value} is too large`);
    return number;
  }

  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x28: // MARK
        return this.#push(MARK);
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x7d: // EMPTY_DICT
        return this.#push(new PickleDict());
      case 0x74: // TUPLE
        return this.#push(this.#popMarked());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(Array.from({ length: opcode - 0x84 }, () => this.#pop()).reverse());
      case 0x73: // SETITEM
        return this.#setItems([this.#pop(), this.#pop()].reverse());
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMarked());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popMarked());
      default:
        return false;
    }
  }

  #setItems(items: readonly PickleValue[]): true {
    const dict = this.#stack.at(-1);
    if (!(dict instanceof PickleDict))
      throw new PickleRefused("it sets an item of something that is no dict");
    for (let index = 0; index + 1 < items.length; index += 2) {
      const key = items[index];
      const value = items[index + 1];
      if (typeof key === "string" && value !== undefined) dict.entries.set(key, value);
    }
    return true;
  }

  #append(items: readonly PickleValue[]): true {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list)) throw new PickleRefused("it appends to something that is no list");
    for (const item of items) list.push(item);
    return true;
  }

  #object(opcode: number): boolean {
    const view = this.#view;
    switch (opcode) {
      case 0x63: // GLOBAL
        return this.#push(this.#global(this.#line(), this.#line()));
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        return this.#push(this.#global(String(module), String(name)));
      }
      case 0x51: // BINPERSID
        return this.#push(new PickleReference(this.#pop()));
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x62: // BUILD
        return this.#build();
      case 0x71: // BINPUT
        return this.#remember(view.getUint8(this.#take(1)));
      case 0x72: // LONG_BINPUT
        return this.#remember(view.getUint32(this.#take(4), true));
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(view.getUint8(this.#take(1)));
      case 0x6a: // LONG_BINGET
        return this.#recall(view.getUint32(this.#take(4), true));
      default:
        return false;
    }
  }

  #global(module: string, name: string): PickleGlobal {
    const path = `${module}.${name}`;
    if (!this.#rules.globals.has(path)) {
      throw new PickleRefused(`it asks for ${JSON.stringify(path.slice(0, 200))}, which no tensor needs`);
    }
    return new PickleGlobal(path);
  }

  #reduce(): true {
    const args = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof PickleGlobal && Array.isArray(args) && this.#rules.callable.has(callee.path))) {
      const name =
        callee instanceof PickleGlobal ? JSON.stringify(callee.path) : "something that is no function";
      throw new PickleRefused(`it calls ${name}, which no tensor needs`);
    }
    if (callee.path !== ORDERED_DICT) return this.#push(new PickleCall(callee.path, args));
    if (args.length > 0) throw new PickleRefused("it fills an OrderedDict by its constructor");
    return this.#push(new PickleDict());
  }

  /** The state of an OrderedDict is torch's `_metadata`, which says nothing about tensors. */
  #build(): true {
    this.#pop();
    if (!(this.#stack.at(-1) instanceof PickleDict)) {
      throw new PickleRefused("it sets the state of an object that is no dict");
    }
    return true;
  }

  #remember(index: number): true {
    const value = this.#pop();
    this.#memo.set(index, value);
    return this.#push(value);
  }

  #recall(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleRefused(`it recalls value ${index}, which it never kept`);
    return this.#push(value);
  }
}
