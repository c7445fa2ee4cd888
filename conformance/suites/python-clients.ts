import { join } from "node:path";
import { pytest, pythonWith } from "../python.ts";
import type { Excuse, Suite } from "../suite.ts";

interface PythonSuite {
  readonly name: string;
  readonly about: string;
  readonly packages: readonly string[];
  /** In conformance/python. */
  readonly file: string;
  readonly atLeast: number;
  readonly excuses?: readonly Excuse[];
}

const pythonSuite = ({ name, about, packages, file, atLeast, excuses = [] }: PythonSuite): Suite => ({
  name,
  about,
  needs: ["python3"],
  atLeast,
  excuses,
  async run(surroundings) {
    const python = await pythonWith([...packages, "pytest==9.2.0", "pytest-asyncio==1.5.0"], surroundings);
    const args = [
      "-p",
      "no:cacheprovider",
      "-o",
      "asyncio_mode=auto",
      "-o",
      "asyncio_default_test_loop_scope=session",
      "--rootdir",
      join(surroundings.folder, "python"),
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
  atLeast: 16,
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
  about:
    "langchain-tests 1.1.9: the integration tests of chat models, run on langchain-openai 1.7.4's ChatOpenAI; skipped are those of images, audio and files, and of what only other packages have",
  packages: ["langchain-openai==1.7.4", "langchain-tests==1.1.9"],
  file: "test_langchain.py",
  atLeast: 50,
  excuses: [
    {
      cases: /test_agent_loop/,
      detail: /^assert(?:ion)?/i,
      reason:
        "These leave it to the model whether it calls a function, which Dolly was not trained to do (docs/tools.md):",
    },
    {
      cases: /test_json_mode/,
      detail: /Failed to parse Joke from completion \{|LengthFinishReasonError/,
      reason:
        "JSON mode gives an object; the test wants one with the keys that the prompt names, which this small model does not find, and within 900 tokens:",
    },
    {
      cases: /test_tool_calling|test_unicode_tool_call/,
      detail: /^assert(?:ion)?/i,
      reason:
        "The call that these demand comes, in the form that they demand; they also want the arguments that the conversation gives, which this small model does not find:",
    },
  ],
});

export const otherClients = pythonSuite({
  name: "instructor, litellm, llm",
  about: "instructor 1.17.0, litellm 1.106.2 and llm 0.32.1, used as their documentation shows",
  packages: ["instructor==1.17.0", "litellm==1.106.2", "llm==0.32.1", "openai==2.54.0"],
  file: "test_other_clients.py",
  atLeast: 6,
});

export const openResponses = pythonSuite({
  name: "Open Responses",
  about:
    "openresponses-types 2.4.0, the types of the Open Responses specification of 2026-04-24: what its compliance suite asks of `/responses` over HTTP, with every answer and event held to them",
  packages: ["openresponses-types==2.4.0"],
  file: "test_open_responses.py",
  atLeast: 13,
});
