import { defineGet } from "./define-endpoint.ts";
import { propsResponse } from "./response-schemas.ts";

/**
 * What llama.cpp's server says of itself, as far as its web UI asks: so that UI can be put before this gateway. The
 * model is the one behind `?model=`, the default, or the first of the config.
 */
export const props = defineGet({
  path: "/props",
  summary: "Describe a model as llama.cpp's server does, for its web UI",
  query: { model: { type: "string" } },
  response: propsResponse,
  async handle({ query }, { services }) {
    const [first] = services.routes();
    const { route } = services.resolve(query.get("model") ?? first?.name);
    const { defaults, name } = route;
    const facts = await services.facts(route);
    const slots = services.placements(route).map(({ loaded }) => loaded?.slots ?? 0);
    return {
      kind: "json",
      body: {
        default_generation_settings: {
          n_ctx: facts?.contextLength ?? 0,
          params: {
            n_predict: defaults.maxTokens ?? -1,
            seed: -1,
            temperature: defaults.temperature,
            top_k: defaults.topK,
            top_p: defaults.topP,
            min_p: defaults.minP,
            presence_penalty: defaults.presencePenalty,
            frequency_penalty: defaults.frequencyPenalty,
            repeat_penalty: 1,
          },
        },
        total_slots: Math.max(0, ...slots),
        model_alias: name,
        model_path: name,
        role: "model",
        modalities: { vision: false, audio: false, video: false },
        // It has none that Jinja could read: GET /v1/models names it.
        chat_template: "",
      },
    };
  },
});
