import type { Suite } from "../suite.ts";
import { openaiPythonOwn } from "./openai-python-own.ts";

/** In the order in which they run. */
export const suites: readonly Suite[] = [openaiPythonOwn];
