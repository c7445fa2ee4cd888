import { type input, type output, type ZodType, z } from "zod";
import { ERROR_CODES, GatewayError } from "../errors.ts";

/** Something that the other process is asked for, by its name. */
export interface Procedure<Question extends ZodType, Answer extends ZodType> {
  readonly name: string;
  readonly question: Question;
  readonly answer: Answer;
}

export const procedure = <Question extends ZodType, Answer extends ZodType>(
  name: string,
  question: Question,
  answer: Answer,
): Procedure<Question, Answer> => ({ name, question, answer });

/** Carries messages, in the order in which they are sent; those to a process that has ended are lost. */
export interface Port {
  send(message: object): void;
  onMessage(callback: (message: unknown) => void): void;
}

const failure = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  param: z.string().nullable(),
  retryAfter: z.number().optional(),
});
const frame = z.discriminatedUnion("dolly", [
  z.object({ dolly: z.literal("question"), id: z.int(), name: z.string(), body: z.unknown().optional() }),
  z.object({ dolly: z.literal("answer"), id: z.int(), body: z.unknown().optional() }),
  z.object({ dolly: z.literal("failure"), id: z.int(), failure }),
]);
type Frame = output<typeof frame>;

type Handler = (body: unknown) => Promise<unknown>;

/** Questions and answers between two processes. */
export class Line {
  readonly #port: Port;
  readonly #handlers = new Map<string, Handler>();
  /** Questions that came before anybody here could answer them. */
  readonly #early: Extract<Frame, { dolly: "question" }>[] = [];
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #closed: Error | undefined;

  constructor(port: Port) {
    this.#port = port;
    // Node's own messages between a cluster's processes go another way; whatever else comes is not ours.
    port.onMessage((message) => {
      // What a process sent before its end may come after it: nobody would ever undo what it asks for.
      if (this.#closed !== undefined) return;
      const read = frame.safeParse(message);
      if (read.success) this.#take(read.data);
    });
  }

  /** Answers what the other process asks by that name, from now on and what it has asked before. */
  serve<Question extends ZodType, Answer extends ZodType>(
    { name, question }: Procedure<Question, Answer>,
    answer: (question: output<Question>) => Promise<input<Answer>> | input<Answer>,
  ): void {
    this.#handlers.set(name, async (body) => answer(question.parse(body)));
    for (const early of this.#early.splice(0)) this.#take(early);
  }

  /** Throws GatewayError as the other process threw it, and what `close` was given once that process has gone. */
  async ask<Question extends ZodType, Answer extends ZodType>(
    { name, question, answer }: Procedure<Question, Answer>,
    body: input<Question>,
  ): Promise<output<Answer>> {
    if (this.#closed !== undefined) throw this.#closed;
    this.#asked += 1;
    const id = this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#open.set(id, waiting);
    this.#send({ dolly: "question", id, name, body: question.parse(body) });
    return answer.parse(await waiting.promise);
  }

  /** The other process has gone: what it was asked is answered no more, and what it asked is not looked at. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const waiting of this.#open.values()) waiting.reject(reason);
    this.#open.clear();
  }

  #take(read: Frame): void {
    if (read.dolly === "question") {
      const handler = this.#handlers.get(read.name);
      if (handler === undefined) this.#early.push(read);
      else void this.#answer(read.id, handler(read.body));
      return;
    }
    const waiting = this.#open.get(read.id);
    this.#open.delete(read.id);
    if (read.dolly === "answer") waiting?.resolve(read.body);
    else {
      const { code, message, param, retryAfter } = read.failure;
      waiting?.reject(new GatewayError(code, message, { param, ...(retryAfter ? { retryAfter } : {}) }));
    }
  }

  async #answer(id: number, work: Promise<unknown>): Promise<void> {
    try {
      this.#send({ dolly: "answer", id, body: await work });
    } catch (error) {
      this.#send({ dolly: "failure", id, failure: told(error) });
    }
  }

  #send(message: Frame): void {
    this.#port.send(message);
  }
}

function told(error: unknown): output<typeof failure> {
  if (!(error instanceof GatewayError)) {
    return {
      code: "internal_error",
      message: error instanceof Error ? error.message : String(error),
      param: null,
    };
  }
  const { code, message, param, retryAfter } = error;
  return { code, message, param, ...(retryAfter === undefined ? {} : { retryAfter }) };
}
