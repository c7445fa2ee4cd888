import type { Model } from "../core/driver.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Operation, RequestObserver } from "../core/observer.ts";
import type { Route } from "../routing/route.ts";
import type { EndpointContext, EndpointRequest } from "./endpoint.ts";
import { systemFingerprint } from "./fingerprint.ts";
import { GenerationMeter } from "./generation-meter.ts";
import type { ResponseHead } from "./response-head.ts";
import { RoutingHeaders } from "./routing-headers.ts";

/** The generations of one request, and what its response says of the model that serves them. */
export class ServedGeneration {
  readonly #route: Route;
  readonly #context: EndpointContext;
  readonly #operation: Operation;
  readonly #observer: RequestObserver;
  readonly #record: EndpointRequest<unknown>["record"];
  readonly #meter: GenerationMeter;
  readonly #headers: RoutingHeaders;
  readonly #session: string | undefined;
  #fingerprint = "";

  constructor(
    route: Route,
    operation: Operation,
    context: EndpointContext,
    request: Pick<EndpointRequest<unknown>, "record" | "observer" | "header" | "session">,
  ) {
    const { record, observer } = request;
    this.#session = request.session;
    this.#headers = new RoutingHeaders(request.header);
    this.#route = route;
    this.#operation = operation;
    this.#context = context;
    this.#observer = observer;
    this.#record = record;
    this.#meter = new GenerationMeter(context);
    record({ model: route.name });
  }

  /** `prefix`: what the client wrote, from its beginning. */
  generate(
    prepare: (model: Model) => GenerationRequest,
    prefix: () => string,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const subject = { operation: this.#operation, model: this.#route.name };
    const observer = this.#observer.generation(subject, this.#meter.startedAt);
    const events = this.#context.services.generate(
      this.#route,
      (model) => {
        this.#fingerprint = systemFingerprint(model, this.#route.template);
        return prepare(model);
      },
      signal,
      observer,
      {
        prefix,
        session: this.#session,
        routed: (routing) => this.#headers.add(routing),
      },
    );
    return this.#meter.watch(events, this.#record, observer);
  }

  /** A function that gives the response's head; the fingerprint in it is known after the first event. */
  head(idPrefix: string): () => ResponseHead {
    const id = this.#context.newId(idPrefix);
    const created = this.#context.now();
    return () => ({ id, created, model: this.#route.name, system_fingerprint: this.#fingerprint });
  }
}
