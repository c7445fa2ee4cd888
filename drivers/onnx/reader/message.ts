import { fault, type OpenFile } from "../../local/checkpoint/files.ts";

/** A field of a protobuf message that lies in a file. */
export interface Field {
  readonly number: number;
  /** Of a varint; 0 for every other kind. */
  readonly value: number;
  /** Where its content lies in the file; of no length unless it is bytes, text or a message. */
  readonly content: Range;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Bytes that are read at once: most fields of a graph are far smaller. */
const WINDOW = 1 << 16;
const MOST_VARINT_BYTES = 10;

/**
 * Reads the messages of a protobuf file where they lie, so that the gigabytes of weights among them are passed over.
 * Throws OperatorError that names the file and the byte where it is cut short or no protobuf.
 */
export class MessageFile {
  readonly file: OpenFile;
  readonly #window = new Uint8Array(WINDOW);
  #from = 0;
  #to = 0;

  constructor(file: OpenFile) {
    this.file = file;
  }

  get whole(): Range {
    return { start: 0, end: this.file.size };
  }

  async *fields({ start, end }: Range): AsyncGenerator<Field, void, undefined> {
    let position = start;
    while (position < end) {
      const tag = await this.#varint(position, end);
      position = tag.next;
      const number = Math.floor(tag.value / 8);
      const kind = tag.value % 8;
      if (number === 0) throw this.#broken(position);
      if (kind === 0) {
        const { value, next } = await this.#varint(position, end);
        yield { number, value, content: { start: next, end: next } };
        position = next;
        continue;
      }
      const length = kind === 2 ? await this.#varint(position, end) : undefined;
      const from = length?.next ?? position;
      const bytes = length?.value ?? (kind === 1 ? 8 : kind === 5 ? 4 : Number.NaN);
      // False for the kinds that there are not, too.
      if (!(from + bytes <= end)) throw this.#broken(position);
      const content = kind === 2 ? { start: from, end: from + bytes } : { start: from, end: from };
      yield { number, value: 0, content };
      position = from + bytes;
    }
  }

  /** UTF-8 text of at most `limit` bytes. */
  async text({ start, end }: Range, limit = 4096): Promise<string> {
    if (end - start > limit) {
      throw fault(
        this.file.path,
        `has a name of ${end - start} bytes at byte ${start}; at most ${limit} are read`,
      );
    }
    const bytes = new Uint8Array(end - start);
    await this.file.read(start, bytes);
    return new TextDecoder().decode(bytes);
  }

  async #varint(position: number, end: number): Promise<{ value: number; next: number }> {
    let value = 0;
    for (let index = 0; index < MOST_VARINT_BYTES && position + index < end; index += 1) {
      const byte = await this.#byte(position + index);
      value += (byte & 127) * 2 ** (7 * index);
      if (byte < 128) return { value, next: position + index + 1 };
    }
    throw this.#broken(position);
  }

  async #byte(position: number): Promise<number> {
    if (position < this.#from || position >= this.#to) {
      const length = Math.min(WINDOW, this.file.size - position);
      await this.file.read(position, this.#window.subarray(0, length));
      this.#from = position;
      this.#to = position + length;
    }
    return this.#window[position - this.#from] ?? 0;
  }

  #broken(position: number): Error {
    return fault(
      this.file.path,
      `is cut short, or no ONNX model: what stands at byte ${position} of ${this.file.size} cannot be read`,
    );
  }
}
