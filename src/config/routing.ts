import { z } from "zod";
import type { RoutingRules } from "../routing/route.ts";
import { STRATEGIES } from "../routing/strategy/strategies.ts";

const strategy = z.enum(STRATEGIES);

/** Seconds, or a percentile such as `p95`. */
const hedgingDelay = z
  .union([
    z.number().gt(0).max(600),
    z.string().regex(/^p[1-9]\d?(\.\d{1,2})?$/, "a percentile is p50 to p99.9, such as p95"),
  ])
  .optional();

/** `router_settings` of the configuration: how requests find their placement. */
export const routerSettings = z
  .strictObject({
    routing_strategy: strategy
      .default("priority")
      .describe(
        "Which placement of a model is tried first: `priority` the first of the list, `least_loaded` the one with the fewest requests, `prefix_affinity` the one that has computed the prompt's beginning, `weighted` one drawn by `weight`, `latency` the one with the soonest first token.",
      ),
    session_affinity: z
      .boolean()
      .default(false)
      .describe(
        "Send the requests of a session to one placement while it has room, under every strategy: also `priority` then starts elsewhere than at the first of the list. The session is the header `session_header`, or the request's `prompt_cache_key` or `user`.",
      ),
    session_header: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, "a header's name has letters, digits and -")
      .default("x-session-id")
      .describe("Header that names a request's session."),
    num_retries: z
      .int()
      .min(0)
      .max(100)
      .default(3)
      .describe("Most other placements that are tried after an engine's failure, before the first token."),
    retry_budget: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe(
        "Retries for each request of a model, in the long run; some ten more are saved up. 0: none. Keeps a fleet in trouble from being asked twice as often.",
      ),
    hedging_delay: hedgingDelay.describe(
      "Without a first token after so many seconds, a request is sent to a second placement too, as a retry of the budget: who gives a token first answers, the other is aborted. Or a percentile of the times that the model's first tokens took, such as p95. By default never.",
    ),
    allowed_fails: z
      .int()
      .min(1)
      .max(1000)
      .default(3)
      .describe("Failures in a row after which a placement is left alone."),
    cooldown_time: z
      .number()
      .min(0.1)
      .max(3600)
      .default(10)
      .describe(
        "Seconds for which a placement is left alone that kept failing or could not be loaded; doubled while it goes on failing, up to a minute.",
      ),
    health_check_interval: z
      .number()
      .min(0)
      .max(86_400)
      .default(30)
      .describe(
        "Seconds after which a placement that nothing was heard of is asked for one token; one that failed is asked at the end of its rest. Only for models with several placements; 0: never.",
      ),
    health_check_timeout: z
      .number()
      .min(0.1)
      .max(600)
      .default(10)
      .describe("Seconds that a placement has to answer a health check."),
  })
  .prefault({})
  .describe("How requests find one of a model's placements, and what is done where one fails.");

export type RouterSettings = z.output<typeof routerSettings>;

/** What a model may say of its own routing. */
export const modelRouting = {
  routing_strategy: strategy
    .optional()
    .describe("Overrides router_settings.routing_strategy for this model."),
  hedging_delay: hedgingDelay.describe("Overrides router_settings.hedging_delay for this model."),
  fallbacks: z
    .array(z.string())
    .default([])
    .describe("Models that answer in this one's place, in that order, where none of its placements can."),
  context_window_fallbacks: z
    .array(z.string())
    .default([])
    .describe("Models that answer, in that order, where a prompt does not fit this one's context."),
};

/** Of a placement, whatever its driver. */
export const placementRouting = {
  weight: z
    .number()
    .gt(0)
    .max(1000)
    .default(1)
    .describe("How much of the requests the placement should get, beside the others' weights."),
};

/** The rules of one model. */
export function routingRules(
  model: {
    readonly routing_strategy?: RoutingRules["strategy"] | undefined;
    readonly hedging_delay?: number | string | undefined;
    readonly fallbacks: readonly string[];
    readonly context_window_fallbacks: readonly string[];
  },
  settings: RouterSettings,
): RoutingRules {
  return {
    strategy: model.routing_strategy ?? settings.routing_strategy,
    sessionAffinity: settings.session_affinity,
    numRetries: settings.num_retries,
    retryBudget: settings.retry_budget,
    hedging: hedgingOf(model.hedging_delay ?? settings.hedging_delay),
    allowedFails: settings.allowed_fails,
    cooldownMs: settings.cooldown_time * 1000,
    healthCheckMs: settings.health_check_interval * 1000,
    healthCheckTimeoutMs: settings.health_check_timeout * 1000,
    fallbacks: model.fallbacks,
    contextWindowFallbacks: model.context_window_fallbacks,
  };
}

const hedgingOf = (delay: number | string | undefined): RoutingRules["hedging"] =>
  delay === undefined
    ? undefined
    : typeof delay === "number"
      ? { afterMs: delay * 1000 }
      : { percentile: Number(delay.slice(1)) };
