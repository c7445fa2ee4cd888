import type { Suite } from "../suite.ts";

import { compatcanary } from "./compatcanary.ts";
import { aiSdk, openaiNode } from "./javascript.ts";
import { openaiDocument } from "./openai-document.ts";
import { openaiPythonOwn } from "./openai-python-own.ts";
import { go, java, rust } from "./other-languages.ts";
import { langchain, openaiStrict, openResponses, otherClients } from "./python-clients.ts";
import { schemathesis } from "./schemathesis.ts";

/** In the order in which they run. */
export const suites: readonly Suite[] = [
  openaiNode,
  openaiStrict,
  openaiPythonOwn,
  aiSdk,
  compatcanary,
  langchain,
  otherClients,
  go,
  rust,
  java,
  openResponses,
  openaiDocument,
  schemathesis,
];
