import { join } from "node:path";
import { pytest, pythonWith } from "../python.ts";
import type { Excuse, Suite } from "../suite.ts";

interface PythonSuite {
  readonly name: string;
  readonly about: string;
  readonly packages: readonly string[];
  /** In conformance/python. */
  readonly file: string;
  readonly excuses?: readonly Excuse[];
}

const pythonSuite = ({ name, about, packages, file, excuses = [] }: PythonSuite): Suite => ({
  name,
  about,
  needs: ["python3"],
  excuses,
  async run(surroundings) {
    const python = await pythonWith([...packages, "pytest", "pytest-asyncio"], surroundings);
    const args = [
      "-p",
      "no:cacheprovider",
      "-o",
      "asyncio_mode=auto",
      "-o",
      "asyncio_default_test_loop_scope=session",
      join(surroundings.folder, "python", file),
    ];
    return pytest(python, args, surroundings, { cwd: surroundings.work });
  },
});

export const openaiStrict = pythonSuite({
  name: "openai for Python, strict",
  about:
    "openai 3.57.0 for Python with `_strict_response_validation`: every answer and chunk is held to the SDK's types",
  packages: ["openai==3.57.0"],
  file: "test_openai_strict.py",
  excuses: [
    {
      cases: /test_completions_stream/,
      detail: /APIResponseValidationError/,
      reason:
        "The SDK's type of a completion wants a `finish_reason` in every chunk; OpenAI's own server sends null before the last, as this one does:",
    },
  ],
});

export const langchain = pythonSuite({
  name: "LangChain's standard tests",
  about: "langchain-tests' integration tests of chat models, run on langchain-openai's ChatOpenAI",
  packages: ["langchain-openai", "langchain-tests"],
  file: "test_langchain.py",
  excuses: [
    {
      cases: /tool|agent_loop|structured_few_shot/,
      reason:
        "These leave it to the model whether it calls a function, which Dolly was not trained to do (docs/tools.md); where a call is demanded, it comes:",
    },
  ],
});

export const otherClients = pythonSuite({
  name: "instructor, litellm, llm",
  about: "three clients from PyPI as their documentation shows them",
  packages: ["instructor", "litellm==1.106.2", "llm", "openai"],
  file: "test_other_clients.py",
});
