import { z } from "zod";
import { jsonIn } from "../../src/core/json-in.ts";
import { GatewayError } from "../../src/errors.ts";

/** Characters of an engine's own words that a client is told. */
const SHOWN = 300;

/** How engines say that a prompt is too long. */
const TOO_LONG = /context|maximum.*(?:length|tokens)|too (?:long|many tokens)|inputs? tokens/i;

/** What an engine's refusal means for the client. `origin`: the request's field that one of the engine's was made of. */
export function refusal(
  status: number,
  body: string,
  retryAfter: string | undefined,
  origin?: (field: string) => string | undefined,
): GatewayError {
  const reason = saidIn(body);
  if (status === 400 || status === 413 || status === 422) {
    return TOO_LONG.test(reason)
      ? new GatewayError("context_length_exceeded", `The engine refused the prompt as too long: ${reason}`)
      : new GatewayError("invalid_value", `The engine refused the request: ${reason}`, {
          param: origin?.(fieldIn(body)) ?? null,
        });
  }
  if (status === 429 || status === 503) {
    const seconds = Number(retryAfter);
    const wait = Number.isFinite(seconds) && seconds > 0 ? Math.min(60, Math.ceil(seconds)) : 1;
    return new GatewayError(
      "engine_unavailable",
      "The engine has no room for the request; try again shortly.",
      {
        retryAfter: wait,
        cause: new Error(`${status}: ${reason}`),
      },
    );
  }
  // Wrong keys, addresses and model names are the operator's: the log says them, the client is told that there is no engine.
  return new GatewayError("engine_unavailable", "The engine cannot serve the request now.", {
    cause: new Error(`${status}: ${reason}`),
  });
}

/** An engine that was not reached, or fell silent; `begun`: it had answered something. */
export function failure(error: unknown, begun: boolean): GatewayError {
  if (error instanceof GatewayError) return error;
  return begun
    ? new GatewayError("engine_crashed", "The engine failed in the middle of the answer.", { cause: error })
    : new GatewayError("engine_unavailable", "The engine cannot be reached now.", { cause: error });
}

/** An engine's own words, whatever form its errors have: OpenAI's, FastAPI's, vLLM's, plain text or a page. */
function saidIn(body: string): string {
  const found = messageOf(jsonIn(body)) ?? body.replace(/<[^>]*>/g, " ");
  const line = found.replace(/\s+/g, " ").trim();
  return line === "" ? "it said nothing" : line.slice(0, SHOWN);
}

const named = z.looseObject({ error: z.looseObject({ param: z.string() }) });

/** The field that an engine refuses, where it names one as OpenAI does. */
const fieldIn = (body: string): string => named.safeParse(jsonIn(body)).data?.error.param ?? "";

function messageOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const all = value.map(messageOf).filter((one) => one !== undefined);
    return all.length === 0 ? undefined : all.join("; ");
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const name of ["error", "message", "detail", "msg", "error_message"]) {
    const found = messageOf(Object.getOwnPropertyDescriptor(value, name)?.value);
    if (found !== undefined) return found;
  }
  return undefined;
}
