import type { Model } from "openai/resources/models";
import type { Route, Services } from "../routing/route.ts";
import { defineGet } from "./define-endpoint.ts";
import { modelCard } from "./model-card.ts";
import { modelListResponse, modelResponse } from "./response-schemas.ts";

/** OpenAI's model object, with what the model's card and its placement say. */
interface ModelObject extends Model {
  readonly license: string | null;
  readonly base_model: string | null;
  readonly limitations: string | null;
  readonly template: string;
  /** Most tokens of prompt and answer together; null, as the two below, where the files cannot be read. */
  readonly context_length: number | null;
  readonly driver: string | null;
  /** What a request gets that says nothing, by its parameters' names. */
  readonly defaults: Readonly<Record<string, number | null>>;
  /** Of the weights as served. */
  readonly precision: string | null;
}

export const listModels = defineGet({
  path: "/v1/models",
  summary: "List the models",
  response: modelListResponse,
  async handle(_request, { services }) {
    const data = await Promise.all(services.routes().map((route) => modelObject(route, services)));
    return { kind: "json", body: { object: "list", data } };
  },
});

export const retrieveModel = defineGet({
  path: "/v1/models/{model}",
  summary: "Describe one model, by its name or an alias",
  response: modelResponse,
  async handle({ params }, { services }) {
    const { route } = services.resolve(params["model"]);
    return { kind: "json", body: await modelObject(route, services) };
  },
});

async function modelObject(route: Route, services: Services): Promise<ModelObject> {
  const card = modelCard(route.name);
  const facts = await services.facts(route);
  return {
    id: route.name,
    object: "model",
    created: card.created,
    owned_by: card.owner,
    license: card.license,
    base_model: card.baseModel,
    limitations: card.limitations,
    template: route.template.name,
    context_length: facts?.contextLength ?? null,
    driver: facts?.driver ?? null,
    defaults: {
      temperature: route.defaults.temperature,
      top_p: route.defaults.topP,
      top_k: route.defaults.topK,
      min_p: route.defaults.minP,
      presence_penalty: route.defaults.presencePenalty,
      frequency_penalty: route.defaults.frequencyPenalty,
      max_tokens: route.defaults.maxTokens,
    },
    precision: facts?.precision ?? null,
  };
}
