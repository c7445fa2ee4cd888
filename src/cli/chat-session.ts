import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { OperatorError } from "../errors.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** What a conversation in the terminal has come to. */
export class ChatSession {
  model: string;
  system: string;
  documents: string[] = [];
  #turns: ChatMessage[] = [];
  readonly #settings: Readonly<Record<string, number>>;

  constructor(model: string, system: string, settings: Readonly<Record<string, number>>) {
    this.model = model;
    this.system = system;
    this.#settings = settings;
  }

  /** The body that asks `question`; without one, that which was asked last. */
  request(question?: string): object {
    const turns =
      question === undefined ? this.#turns : [...this.#turns, { role: "user", content: question }];
    return {
      model: this.model,
      messages: [...(this.system === "" ? [] : [{ role: "system", content: this.system }]), ...turns],
      ...(this.documents.length === 0 ? {} : { documents: this.documents }),
      ...this.#settings,
    };
  }

  answered(question: string, answer: string): void {
    this.#turns.push({ role: "user", content: question }, { role: "assistant", content: answer });
  }

  beginAnew(): void {
    this.#turns = [];
  }
}

/** Texts of files. Throws OperatorError that names the one that cannot be read. */
export function readDocuments(names: readonly string[], cwd: string): string[] {
  return names.map((name) => {
    try {
      return readFileSync(resolve(cwd, name), "utf8");
    } catch (error) {
      throw new OperatorError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}
