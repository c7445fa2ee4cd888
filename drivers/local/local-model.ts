import type { LoadContext, Model, ModelDescription, ModelStatus } from "../../src/core/driver.ts";
import type { GenerationEvent, GenerationRequest, Token } from "../../src/core/generation.ts";
import type { Prompt } from "../../src/core/prompt.ts";
import { unlessAborted } from "../../src/core/unless-aborted.ts";
import type { RoomLimits } from "./protocol.ts";
import { checkRequest } from "./request-check.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { fromWire } from "./wire.ts";

/** A model that a local engine can run: everything but the engine itself is the same for all of them. */
export interface LocalModelStart {
  readonly description: ModelDescription;
  /** Of the weights' content, the driver and the precision; hexadecimal. */
  readonly fingerprint: string;
  readonly tokenizer: Tokenizer;
  readonly endOfText: number | null;
  readonly engine: {
    /** URL of a module whose default export is an EngineModule. */
    readonly module: string;
    /** What its `load` takes; structured-clone values. */
    readonly options: object;
  };
  readonly limits: RoomLimits;
  readonly loadTimeoutMs: number;
  /** An engine that has work and makes no progress for so long is replaced. */
  readonly stallTimeoutMs: number;
  readonly context: LoadContext;
}

/** The gateway's side of a model whose engine runs in another process. */
export class LocalModel implements Model {
  readonly #start: LocalModelStart;
  readonly #supervisor: Supervisor;

  constructor(start: LocalModelStart, supervisor: Supervisor) {
    this.#start = start;
    this.#supervisor = supervisor;
  }

  get name(): string {
    return this.#start.description.name;
  }

  get contextLength(): number {
    return this.#supervisor.info.contextLength;
  }

  get vocabularySize(): number {
    return this.#start.description.vocabularySize;
  }

  get precision(): string {
    return this.#start.description.precision;
  }

  get controlTokens(): readonly string[] {
    return this.#start.description.controlTokens;
  }

  get slots(): number {
    return this.#supervisor.info.slots;
  }

  get fingerprint(): string {
    return this.#start.fingerprint;
  }

  get endOfText(): number | null {
    return this.#start.endOfText;
  }

  tokenize(prompt: Prompt): number[] {
    return this.#start.tokenizer.encode(prompt);
  }

  detokenize(tokens: readonly number[], options?: { control?: boolean }): string {
    return this.#start.tokenizer.decode(tokens, options);
  }

  token(id: number): Token {
    return this.#start.tokenizer.vocabulary.token(id);
  }

  controlToken(text: string): number | undefined {
    return this.#start.tokenizer.controlToken(text);
  }

  async *generate(
    request: GenerationRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    signal.throwIfAborted();
    checkRequest(request, this);
    const engine = await unlessAborted(this.#supervisor.engine(), signal);
    // Not before: while an engine was being started, others may have shown what this request does to engines.
    this.#supervisor.admit(request);
    signal.throwIfAborted();
    const { id, events } = engine.generate(request);
    const abort = () => events.fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    let running = request.choices;
    try {
      while (running > 0) {
        const told = await events.next();
        signal.throwIfAborted();
        if (told.type === "running") continue;
        const event = fromWire(told, this.#start.tokenizer.vocabulary, request.controlText);
        if (event.type === "finish") running -= 1;
        if (running === 0) this.#supervisor.served(request);
        yield event;
      }
    } finally {
      signal.removeEventListener("abort", abort);
      engine.release(id, running === 0);
    }
  }

  status(): ModelStatus {
    return this.#supervisor.status;
  }

  async check(signal: AbortSignal): Promise<void> {
    const engine = await unlessAborted(this.#supervisor.engine(), signal);
    await engine.ping(signal);
  }

  close(): Promise<void> {
    return this.#supervisor.close();
  }
}
