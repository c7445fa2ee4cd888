import type { Suite } from "../suite.ts";
import { aiSdk } from "./ai-sdk.ts";
import { compatcanary } from "./compatcanary.ts";
import { openaiDocument } from "./openai-document.ts";
import { openaiPythonOwn } from "./openai-python-own.ts";
import { go, java, rust } from "./other-languages.ts";
import { langchain, openaiStrict, otherClients } from "./python-clients.ts";
import { schemathesis } from "./schemathesis.ts";

/** In the order in which they run. */
export const suites: readonly Suite[] = [
  openaiStrict,
  openaiPythonOwn,
  aiSdk,
  compatcanary,
  langchain,
  otherClients,
  go,
  rust,
  java,
  openaiDocument,
  schemathesis,
];
