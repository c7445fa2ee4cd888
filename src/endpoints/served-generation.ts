import type { Model } from "../core/driver.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Route } from "../routing/route.ts";
import type { EndpointContext, EndpointRequest } from "./endpoint.ts";
import { systemFingerprint } from "./fingerprint.ts";
import { GenerationMeter } from "./generation-meter.ts";
import type { ResponseHead } from "./response-head.ts";

/** The generations of one request, and what its response says of the model that serves them. */
export class ServedGeneration {
  readonly #route: Route;
  readonly #context: EndpointContext;
  readonly #record: EndpointRequest<unknown>["record"];
  readonly #meter: GenerationMeter;
  #fingerprint = "";

  constructor(route: Route, context: EndpointContext, { record }: Pick<EndpointRequest<unknown>, "record">) {
    this.#route = route;
    this.#context = context;
    this.#record = record;
    this.#meter = new GenerationMeter(context);
    record({ model: route.name });
  }

  generate(
    prepare: (model: Model) => GenerationRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const events = this.#context.services.generate(
      this.#route,
      (model) => {
        this.#fingerprint = systemFingerprint(model, this.#route.template);
        return prepare(model);
      },
      signal,
    );
    return this.#meter.watch(events, this.#record);
  }

  /** A function that gives the response's head; the fingerprint in it is known after the first event. */
  head(idPrefix: string): () => ResponseHead {
    const id = this.#context.newId(idPrefix);
    const created = this.#context.now();
    return () => ({ id, created, model: this.#route.name, system_fingerprint: this.#fingerprint });
  }
}
