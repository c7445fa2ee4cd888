import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { fileFault } from "../local/checkpoint/files.ts";

/** Constants begin at multiples of a page, so that they can be mapped into memory one by one. */
const PAGE = 4096;

export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The file of large constants beside a graph, written from front to back. */
export class DataFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #length = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Throws OperatorError where it exists or cannot be made. */
  static async create(path: string): Promise<DataFile> {
    const file = await open(path, "wx").catch((error: unknown) => {
      throw fileFault(path, error);
    });
    return new DataFile(path, file);
  }

  /** Moves on to where the next constant begins, and returns its offset. */
  async align(): Promise<number> {
    await this.write(new Uint8Array((PAGE - (this.#length % PAGE)) % PAGE));
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done).catch((error: unknown) => {
        throw fileFault(this.#path, error);
      });
      done += bytesWritten;
    }
    this.#length += bytes.length;
  }

  async finish(name: string): Promise<WrittenFile> {
    await this.#file.sync();
    return { name, bytes: this.#length, sha256: this.#hash.digest("hex") };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
