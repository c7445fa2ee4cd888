import { GatewayError } from "../errors.ts";
import { fallbackKind } from "../routing/failures.ts";
import type { ResolvedRoute, Services } from "../routing/route.ts";
import type { EndpointReply } from "./endpoint.ts";

/**
 * The reply of the model that the request names, or, where that fails before anything was sent, of the first of its
 * fallbacks that answers. A fallback that the caller may not use is left out. Throws what the named model threw, if none
 * of the others does better.
 */
export async function withFallbacks(
  services: Pick<Services, "resolve">,
  model: string | undefined,
  answer: (resolved: ResolvedRoute) => Promise<EndpointReply>,
): Promise<EndpointReply> {
  const resolved = services.resolve(model);
  const { fallbacks, contextWindowFallbacks } = resolved.route.routing;
  if (fallbacks.length + contextWindowFallbacks.length === 0) return answer(resolved);
  let failure: unknown;
  try {
    return await begun(await answer(resolved));
  } catch (error) {
    failure = error;
  }
  const kind = fallbackKind(failure);
  const others = { failure: fallbacks, context: contextWindowFallbacks, none: [] }[kind ?? "none"];
  for (const name of others) {
    const other = usable(services, name, resolved);
    if (other === undefined) continue;
    try {
      return await begun(await answer(other));
    } catch (error) {
      if (fallbackKind(error) === undefined) throw failure;
    }
  }
  throw failure;
}

/** The fallback as the request would have named it: under an instruct name where the request came by one. */
function usable(
  services: Pick<Services, "resolve">,
  name: string,
  { instruct }: ResolvedRoute,
): ResolvedRoute | undefined {
  try {
    return { ...services.resolve(name), instruct };
  } catch (error) {
    if (error instanceof GatewayError && error.code === "model_not_found") return undefined;
    throw error;
  }
}

/** The reply once its first event is there, so that what fails before it is thrown here. */
async function begun(reply: EndpointReply): Promise<EndpointReply> {
  if (reply.kind !== "events") return reply;
  const first = await reply.events.next();
  return { ...reply, events: resumed(first, reply.events) };
}

async function* resumed(
  first: IteratorResult<object, void>,
  rest: AsyncGenerator<object, void, undefined>,
): AsyncGenerator<object, void, undefined> {
  try {
    if (first.done) return;
    yield first.value;
    yield* rest;
  } finally {
    await rest.return();
  }
}
