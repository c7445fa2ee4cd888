import type { output, ZodType } from "zod";
import type { Log } from "../core/log.ts";
import type { RequestObserver } from "../core/observer.ts";
import type { Configuration } from "../reload/configuration.ts";
import type { Services } from "../routing/route.ts";
import type { ParameterRules } from "./parameter-rules.ts";
import type { ResponseStore } from "./responses/store.ts";
import type { OfWorker } from "./together.ts";

/** What the HTTP room hands to an endpoint. */
export interface EndpointRequest<Body> {
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Parameters of the URL behind `?`. */
  readonly query: URLSearchParams;
  readonly body: Body;
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Whose request it is, by the key that it shows; "" without one. */
  readonly tenant: string;
  readonly log: Log;
  readonly observer: RequestObserver;
  /** What the request's header says of the session that it belongs to. */
  readonly session: string | undefined;
  /** Sets a header of the answer; without effect once that has begun. */
  header(name: string, value: string): void;
  /** Adds fields to the request's one log line: model, tokens, times, finish reason; never a prompt. */
  record(fields: Readonly<Record<string, string | number | boolean | null>>): void;
}

export type EndpointReply =
  | {
      readonly kind: "json";
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: object;
    }
  | {
      readonly kind: "text";
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      /** Each value becomes one `data:` frame; `data: [DONE]` follows the last. The first is awaited before the headers. */
      readonly kind: "events";
      readonly headers?: Readonly<Record<string, string>>;
      /** Each frame begins with `event:` and the value's `type`, and no `[DONE]` follows: OpenAI's Responses API. */
      readonly named?: boolean;
      readonly events: AsyncGenerator<object, void, undefined>;
    };

/** Time, identity and the rest of the gateway, passed in so that transcripts can be golden files. */
export interface EndpointContext {
  readonly services: Services;
  readonly responses: ResponseStore;
  /** Seconds since 1970, whole. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** A fresh id with the prefix, such as `chatcmpl-…`. */
  newId(prefix: string): string;
  /** The config file; undefined where there is none. */
  readonly configuration?: Configuration | undefined;
  /** Everything that is measured, for Prometheus; undefined where nothing is. */
  readonly metrics?: { readonly contentType: string; text(): Promise<string> } | undefined;
}

/** An endpoint that takes a JSON body. */
export interface PostDefinition<Body extends ZodType> {
  /** OpenAPI form: `/v1/models/{model}`. */
  readonly path: string;
  readonly summary: string;
  readonly body: Body;
  /** What becomes of parameters that are known and not in the schema. */
  readonly rules: ParameterRules;
  /** false: the answer is never an event stream. */
  readonly streams?: false;
  /** JSON schema of the 200 body, for OpenAPI. */
  readonly response: object;
  handle(request: EndpointRequest<output<Body>>, context: EndpointContext): Promise<EndpointReply>;
}

/** An endpoint without a body. */
export interface BodilessDefinition {
  /** OpenAPI form: `/v1/models/{model}`. */
  readonly path: string;
  readonly summary: string;
  /** JSON schema of the 200 body, for OpenAPI. */
  readonly response: object;
  /** JSON schemas of the parameters behind `?`, for OpenAPI; `handle` checks them. */
  readonly query?: Readonly<Record<string, object>>;
  /** For operators only. */
  readonly admin?: true;
  /** Answers without an API key too. */
  readonly open?: true;
  /** With `admin`: also for whoever collects metrics. */
  readonly scraped?: true;
  /** The 200 answer is text, not JSON. */
  readonly text?: true;
  /** With several workers it is handled in each; this makes one body of theirs. */
  together?(answers: readonly OfWorker[]): object;
  handle(request: EndpointRequest<unknown>, context: EndpointContext): Promise<EndpointReply>;
}

/** An endpoint with its body type hidden: `handle` parses the body itself and throws GatewayError with the field's path. */
export interface Endpoint {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly summary: string;
  /** Schema of the JSON body; null where there is none. */
  readonly body: ZodType | null;
  /** What becomes of parameters that are known and not in `body`. */
  readonly rules?: ParameterRules;
  /** JSON schemas of the parameters behind `?`. */
  readonly query: Readonly<Record<string, object>>;
  readonly response: object;
  /** The 200 answer may also be an event stream. */
  readonly streams: boolean;
  /** For operators only: the HTTP room lets nobody else in. */
  readonly admin: boolean;
  /** Answers without an API key too. */
  readonly open?: true;
  /** With `admin`: `metrics_key` opens it too. */
  readonly scraped?: true;
  /** The 200 answer is text, not JSON. */
  readonly text?: true;
  /** With several workers it is handled in each; this makes one body of theirs. */
  together?(answers: readonly OfWorker[]): object;
  handle(request: EndpointRequest<unknown>, context: EndpointContext): Promise<EndpointReply>;
}
