import { fault, type OpenFile } from "../../local/checkpoint/files.ts";

/** Read ahead at once, in bytes. */
const WINDOW = 1 << 16;
/** Longest header that is read, in bytes. */
const MAX_HEADER = 256 << 20;

/** Reads a file from its start on, through a window: what it claims costs no memory before it is there. */
export class ByteReader {
  readonly path: string;
  readonly #file: OpenFile;
  #window: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  /** Where the window begins in the file. */
  #start = 0;
  /** Of the next byte to be read. */
  position = 0;

  constructor(file: OpenFile) {
    this.#file = file;
    this.path = file.path;
  }

  fault(problem: string) {
    return fault(this.path, problem);
  }

  /** The next bytes; valid until the next call. */
  async view(length: number): Promise<DataView<ArrayBuffer>> {
    const { size } = this.#file;
    if (length > size - this.position) throw this.fault("the file ends within its header (truncated?)");
    if (this.position + length > MAX_HEADER)
      throw this.fault(`the header is longer than ${MAX_HEADER} bytes`);
    if (this.position + length > this.#start + this.#window.byteLength) {
      const bytes = new Uint8Array(Math.min(Math.max(length, WINDOW), size - this.position));
      await this.#file.read(this.position, bytes);
      this.#window = new DataView(bytes.buffer);
      this.#start = this.position;
    }
    const at = this.position - this.#start;
    this.position += length;
    return new DataView(this.#window.buffer, at, length);
  }

  async uint32(): Promise<number> {
    return (await this.view(4)).getUint32(0, true);
  }

  /** A 64-bit count of something that may be there `most` times. */
  async count(what: string, most: number): Promise<number> {
    const count = (await this.view(8)).getBigUint64(0, true);
    if (count > BigInt(most)) throw this.fault(`claims ${count} ${what}; at most ${most} are read`);
    return Number(count);
  }

  /** A string of at most `most` bytes of UTF-8; a byte that is none becomes U+FFFD. */
  async string(most: number): Promise<string> {
    const length = await this.count("bytes of text", most);
    const view = await this.view(length);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(view);
  }
}
