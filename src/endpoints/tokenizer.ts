import { z } from "zod";
import { GatewayError } from "../errors.ts";
import { documentsSchema, messagesSchema } from "./chat-messages.ts";
import { chatGeneration, chatSchema } from "./chat-request.ts";
import { optional, text } from "./common-parameters.ts";
import { defineGet, definePost } from "./define-endpoint.ts";
import { accompanying, equals, never, type ParameterRules, refused } from "./parameter-rules.ts";
import { detokenizedResponse, tokenizedResponse, tokenizerInfoResponse } from "./response-schemas.ts";
import { tokenText } from "./token-text.ts";

const model = optional(z.string()).describe(
  "Name or alias of a model; required unless the server has a default.",
);

const tokenizeRules: ParameterRules = {
  accepted: {
    ...accompanying,
    add_special_tokens: "No effect: the family's tokenizers add none.",
  },
  refused: {
    add_generation_prompt: refused(equals(true), "A conversation ends where its answer begins."),
    continue_final_message: refused(equals(false), "A conversation ends where its answer begins."),
    chat_template: refused(never, "The template is the model's own."),
    chat_template_kwargs: refused(never, "The template is the model's own."),
    tools: refused(never, "`/v1/chat/completions/render` shows the prompt with tools."),
  },
};

/** vLLM's: a text, or a conversation. */
const tokenizeSchema = z
  .object({
    model,
    prompt: optional(text()).describe("A text; control strings in it become control tokens."),
    messages: optional(messagesSchema).describe("A conversation, as the chat renders it."),
    documents: documentsSchema,
    return_token_strs: optional(z.boolean()).describe("Report each token's text too."),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    message: "it must have either prompt or messages",
    path: ["prompt"],
  });

export const tokenize = definePost({
  path: "/tokenize",
  summary: "Give the tokens of a text or of a conversation",
  body: tokenizeSchema,
  rules: tokenizeRules,
  response: tokenizedResponse,
  streams: false,
  async handle({ body, signal, tenant }, { services }) {
    const { route } = services.resolve(body.model);
    const { prompt, messages, documents, return_token_strs } = body;
    const tokenized = await services.withModel(
      route,
      (model) => {
        const tokens =
          messages === undefined
            ? model.tokenize({ parts: [{ markup: prompt ?? "" }], end: [] })
            : chatGeneration(chatSchema.parse({ messages, documents }), { route, tenant, model }).prompt;
        return {
          count: tokens.length,
          max_model_len: model.contextLength,
          tokens,
          token_strs: return_token_strs === true ? tokens.map((id) => tokenText(model.token(id))) : null,
        };
      },
      signal,
    );
    return { kind: "json", body: tokenized };
  },
});

const MOST_TOKENS = 100_000;

export const detokenize = definePost({
  path: "/detokenize",
  summary: "Give the text of tokens",
  body: z.object({ model, tokens: z.array(z.int().min(0)).max(MOST_TOKENS).describe("Ids of tokens.") }),
  rules: { accepted: accompanying, refused: {} },
  response: detokenizedResponse,
  streams: false,
  async handle({ body: { model: name, tokens }, signal }, { services }) {
    const { route } = services.resolve(name);
    const prompt = await services.withModel(
      route,
      (model) => {
        const outside = tokens.findIndex((id) => id >= model.vocabularySize);
        if (outside < 0) return model.detokenize(tokens, { control: true });
        const param = `tokens[${outside}]`;
        const message = `Invalid value for '${param}': ids run from 0 to ${model.vocabularySize - 1}.`;
        throw new GatewayError("invalid_value", message, { param });
      },
      signal,
    );
    return { kind: "json", body: { prompt } };
  },
});

export const tokenizerInfo = defineGet({
  path: "/tokenizer_info",
  summary: "Describe a model's tokenizer",
  query: { model: { type: "string" } },
  response: tokenizerInfoResponse,
  async handle({ query, signal }, { services }) {
    const { route } = services.resolve(query.get("model") ?? undefined);
    const info = await services.withModel(
      route,
      (model) => {
        const end = model.endOfText === null ? null : tokenText(model.token(model.endOfText));
        return {
          tokenizer_class: "GPTNeoXTokenizerFast",
          // Prompts of this family begin with no token of their own; the name is what its tokenizers give.
          bos_token: end,
          eos_token: end,
          unk_token: end,
          add_bos_token: false,
          model_max_length: model.contextLength,
          vocab_size: model.vocabularySize,
          additional_special_tokens: model.controlTokens,
          chat_template: null,
        };
      },
      signal,
    );
    return { kind: "json", body: info };
  },
});
