import { z } from "zod";
import { jsonIn } from "../core/json-in.ts";
import { OperatorError } from "../errors.ts";
import { eventData } from "./event-data.ts";

const model = z.looseObject({
  id: z.string(),
  driver: z.string().nullish(),
  precision: z.string().nullish(),
  context_length: z.number().nullish(),
  license: z.string().nullish(),
});
const modelList = z.looseObject({ data: z.array(model) });
export type ListedModel = z.output<typeof model>;

const placement = z.looseObject({
  id: z.string(),
  /** Of several workers, which one. */
  worker: z.int().optional(),
  driver: z.string(),
  state: z.string(),
  progress: z.number().nullable(),
  precision: z.string().nullable(),
  memory_bytes: z.number().nullable(),
  slots: z.object({ total: z.number(), busy: z.number() }).nullable(),
  queued_requests: z.number(),
  restarts: z.number(),
});
const adminList = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), placements: z.array(placement) })),
});
export type RunningPlacement = z.output<typeof placement>;

const rendered = z.looseObject({ prompt: z.string(), prompt_token_ids: z.array(z.number()) });
const failure = z.object({ error: z.looseObject({ message: z.string() }) });
const chunk = z.object({
  choices: z.array(
    z.looseObject({
      delta: z.looseObject({ content: z.string().nullish() }),
      finish_reason: z.string().nullish(),
    }),
  ),
});

const frames = z.union([failure, chunk]);

export interface Address {
  /** Where the gateway is, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly key: string | undefined;
}

/** A running gateway, asked by a command line. Everything throws OperatorError with what to do. */
export class GatewayClient {
  readonly #address: Address;

  constructor(address: Address) {
    this.#address = { ...address, url: address.url.replace(/\/+(?:v1\/*)?$/, "") };
  }

  /** Whether something answers there. */
  async answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.#address.url}/health`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }

  async models(): Promise<readonly ListedModel[]> {
    return (await this.#json(modelList, "/v1/models")).data;
  }

  async running(): Promise<
    readonly { readonly id: string; readonly placements: readonly RunningPlacement[] }[]
  > {
    return (await this.#json(adminList, "/admin/models")).data;
  }

  /** The prompt that a chat request becomes. */
  async render(body: object): Promise<z.output<typeof rendered>> {
    return this.#json(rendered, "/v1/chat/completions/render", body);
  }

  /** The pieces of an answer as they come, then why it ended. Throws `signal.reason` where it is aborted. */
  async *chat(body: object, signal: AbortSignal): AsyncGenerator<string, string | null, undefined> {
    const response = await this.#send("/v1/chat/completions", { body: { ...body, stream: true }, signal });
    let reason: string | null = null;
    for await (const data of eventData(response, signal)) {
      const frame = this.#read(frames, jsonIn(data), "/v1/chat/completions");
      if ("error" in frame) throw new OperatorError(frame.error.message);
      const [choice] = frame.choices;
      reason = choice?.finish_reason ?? reason;
      if (choice?.delta.content) yield choice.delta.content;
    }
    return reason;
  }

  async #json<Answer>(schema: z.ZodType<Answer>, path: string, body?: object): Promise<Answer> {
    const response = await this.#send(path, body === undefined ? {} : { body });
    return this.#read(schema, await response.json().catch(() => undefined), path);
  }

  #read<Answer>(schema: z.ZodType<Answer>, answer: unknown, path: string): Answer {
    const read = schema.safeParse(answer);
    if (read.success) return read.data;
    const { url } = this.#address;
    throw new OperatorError(`${url}${path}: what answers there is no Dolly gateway; --url says where one is`);
  }

  async #send(path: string, { body, signal }: { body?: object; signal?: AbortSignal }): Promise<Response> {
    const { url, key } = this.#address;
    let response: Response;
    try {
      response = await fetch(url + path, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new OperatorError(`${url}: no gateway answers there; start one with: dolly serve`, {
        cause: error,
      });
    }
    if (response.ok) return response;
    const told = failure.safeParse(await response.json().catch(() => undefined));
    const message = told.success ? told.data.error.message : `${response.status} ${response.statusText}`;
    const hint = response.status === 401 ? " (--api-key, or DOLLY_API_KEY)" : "";
    throw new OperatorError(`${url}${path}: ${message}${hint}`);
  }
}
