import { z } from "zod";
import { OperatorError } from "../../src/errors.ts";
import type { EngineClient } from "./client.ts";
import type { EngineKind, OpenaiOptions } from "./options.ts";

/** What an engine says of itself. */
export interface EngineFacts {
  readonly kind: EngineKind;
  /** Its own name of the model. */
  readonly model: string;
  /** Most tokens of prompt and answer together, where it says so. */
  readonly contextLength: number | undefined;
  /** What tells this model from the next one that it serves under the same name. */
  readonly identity: string;
}

const listSchema = z.looseObject({
  data: z
    .array(
      z.looseObject({
        id: z.string(),
        owned_by: z.string().nullish(),
        created: z.number().nullish(),
        max_model_len: z.int().min(1).nullish(),
        context_length: z.int().min(1).nullish(),
        driver: z.string().nullish(),
        template: z.string().nullish(),
      }),
    )
    .min(1),
});
type ListedModel = z.output<typeof listSchema>["data"][number];

const propsSchema = z.looseObject({
  default_generation_settings: z.looseObject({ n_ctx: z.int().min(1) }),
});
const infoSchema = z.looseObject({ model_id: z.string(), max_total_tokens: z.int().min(1).nullish() });

/** Asks an engine what it is. Throws OperatorError that names its address. */
export async function engineFacts(
  client: EngineClient,
  options: Pick<OpenaiOptions, "api_base" | "engine" | "model">,
  signal: AbortSignal,
): Promise<EngineFacts> {
  const { api_base } = options;
  const [listed, props, info] = await Promise.all([
    client.find("models", signal),
    client.find("/props", signal),
    client.find("/info", signal),
  ]).catch((error: unknown) => {
    signal.throwIfAborted();
    const { cause } = error instanceof Error ? error : { cause: undefined };
    const reason = cause instanceof Error ? cause.message || codeOf(cause) : String(error);
    throw new OperatorError(`api_base ${api_base}: the engine cannot be reached (${reason})`, {
      cause: error,
    });
  });
  const list = listSchema.safeParse(listed);
  const described = infoSchema.safeParse(info);
  if (!list.success && !described.success) {
    throw new OperatorError(
      `api_base ${api_base}: lists no models at ${api_base.replace(/\/$/, "")}/models; it must be the address of an OpenAI API, which often ends with /v1, and api_key its key if it has one`,
    );
  }
  const model = list.success ? chosen(list.data.data, options) : undefined;
  const settings = propsSchema.safeParse(props);
  const kind = options.engine ?? kindOf(model, settings.success, described.success);
  const told = model?.max_model_len ?? model?.context_length;
  return {
    kind,
    model: options.model ?? model?.id ?? (described.success ? described.data.model_id : ""),
    contextLength:
      told ??
      (settings.success ? settings.data.default_generation_settings.n_ctx : undefined) ??
      (described.success ? (described.data.max_total_tokens ?? undefined) : undefined),
    identity: JSON.stringify([kind, model?.id ?? null, model?.created ?? null]),
  };
}

const codeOf = (error: Error): string => ("code" in error ? String(error.code) : error.name);

function chosen(
  models: readonly ListedModel[],
  { api_base, model }: Pick<OpenaiOptions, "api_base" | "model">,
): ListedModel | undefined {
  if (model === undefined) return models[0];
  const found = models.find(({ id }) => id === model);
  if (found !== undefined) return found;
  const names = models.slice(0, 20).map(({ id }) => id);
  throw new OperatorError(
    `model: the engine at ${api_base} has no ${JSON.stringify(model)}; it has ${names.join(", ")}`,
  );
}

function kindOf(model: ListedModel | undefined, hasProps: boolean, hasInfo: boolean): EngineKind {
  if (typeof model?.driver === "string" && typeof model.template === "string") return "dolly-gateway";
  if (model?.owned_by === "vllm") return "vllm";
  if (model?.owned_by === "llamacpp" || hasProps) return "llama-server";
  return hasInfo ? "tgi" : "openai";
}
