import { reloadConfig, showConfig } from "./admin-config.ts";
import { listAdminModels, loadModel, retrieveAdminModel, unloadModel } from "./admin-models.ts";
import { listAdminRoutes } from "./admin-routes.ts";
import { chatCompletions } from "./chat-completions.ts";
import { completions } from "./completions.ts";
import type { Endpoint } from "./endpoint.ts";
import { health, readiness } from "./health.ts";
import { metricsEndpoint } from "./metrics.ts";
import { listModels, retrieveModel } from "./models.ts";
import { openApiEndpoint } from "./openapi.ts";
import { props } from "./props.ts";
import { renderChat, renderCompletion } from "./render.ts";
import { createResponse, deleteResponse, listInputItems, retrieveResponse } from "./responses/endpoints.ts";
import { detokenize, tokenize, tokenizerInfo } from "./tokenizer.ts";

const described: readonly Endpoint[] = [
  chatCompletions,
  completions,
  createResponse,
  listInputItems,
  retrieveResponse,
  deleteResponse,
  renderChat,
  renderCompletion,
  tokenize,
  detokenize,
  tokenizerInfo,
  props,
  listModels,
  retrieveModel,
  health,
  readiness,
  metricsEndpoint,
  loadModel,
  unloadModel,
  listAdminModels,
  retrieveAdminModel,
  listAdminRoutes,
  showConfig,
  reloadConfig,
];

/** What people are served beside the API. */
export { pageEndpoints } from "./page.ts";

/** Every endpoint. A new one is a file and a line above; its route, validation and OpenAPI part follow. */
export const endpoints: readonly Endpoint[] = [...described, openApiEndpoint(described)];
